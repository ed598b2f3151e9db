package broker

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// classicAge is how long it counts what a group's home has said of members of the classic protocol: clients may join as often as they like.
	classicAge = time.Second
	// maxClassics is of how many groups that is remembered at most.
	maxClassics = 1000
)

// classics remembers for a while which groups have members of the classic protocol at home. The zero value remembers nothing. Any goroutine
// may use it.
type classics struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]classic // by the hashes of groups, whose names may be long
}

// classic is what a home has said of a group.
type classic struct {
	members bool
	at      time.Time
}

// find reports whether a group has such members, and whether that is known.
func (c *classics) find(group string, now time.Time) (members, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said, known := c.of[sha256.Sum256([]byte(group))]
	return said.members, known && now.Sub(said.at) < classicAge
}

// keep takes note of what the home of a group has said.
func (c *classics) keep(group string, members bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.of) >= maxClassics {
		c.of = nil
	}
	if c.of == nil {
		c.of = map[[sha256.Size]byte]classic{}
	}
	c.of[sha256.Sum256([]byte(group))] = classic{members, now}
}
