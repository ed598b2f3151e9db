package route

import "sync/atomic"

// Current is Tables that can be replaced while they are in use: whoever looks something up finds the ones or the others, whole. The zero
// value matches nothing. Any goroutine may use it.
type Current struct{ tables atomic.Pointer[Tables] }

// Store replaces the tables. What was looked up before goes where it was sent.
func (c *Current) Store(t Tables) { c.tables.Store(&t) }

// Lookup is Tables.Lookup.
func (c *Current) Lookup(topic string) (r Rule, ok bool) {
	if t := c.tables.Load(); t != nil {
		return t.Lookup(topic)
	}
	return Rule{}, false
}

// Reads is Tables.Reads.
func (c *Current) Reads(topic string) (r Rule, ok bool) {
	if t := c.tables.Load(); t != nil {
		return t.Reads(topic)
	}
	return Rule{}, false
}

// Home is Tables.Home.
func (c *Current) Home(group string) (cluster string) {
	if t := c.tables.Load(); t != nil {
		return t.Home(group)
	}
	return ""
}
