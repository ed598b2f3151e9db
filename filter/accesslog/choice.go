package accesslog

import (
	"math/rand/v2"
	"time"
)

// Choice says which requests are told of: those of which any of the criteria holds. The zero value: none.
type Choice struct {
	// Failures chooses what was not answered as asked for: errors, refusals, connections that are closed for it.
	Failures bool
	// SlowerThan, if not zero, chooses what took longer.
	SlowerThan time.Duration
	// Share chooses so many of all, by chance: 0.01 is one in a hundred, 1 is all.
	Share float64
}

// Chooses says whether a request is told of.
func (c *Choice) Chooses(failed bool, took time.Duration) bool {
	return c.Share >= 1 || c.Failures && failed || c.SlowerThan > 0 && took > c.SlowerThan ||
		c.Share > 0 && rand.Float64() < c.Share //nolint:gosec // nobody gains by guessing it
}
