package sockettest

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what has to come.
const Patience = time.Minute

// Receive waits for what is sent on c.
func Receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(Patience):
		t.Fatalf("waited %v for %s", Patience, what)
	}
	return v
}
