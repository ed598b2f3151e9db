package route

import "sync/atomic"

// Current is a Table that can be replaced while it is in use: whoever looks a topic up finds one table or the other, whole. The zero
// value matches nothing. Any goroutine may use it.
type Current struct{ table atomic.Pointer[Table] }

// Store replaces the table. What was looked up before goes where it was sent.
func (c *Current) Store(t Table) { c.table.Store(&t) }

// Lookup is the first rule of the table that matches topic. False: no rule does.
func (c *Current) Lookup(topic string) (r Rule, ok bool) {
	if t := c.table.Load(); t != nil {
		return t.Lookup(topic)
	}
	return Rule{}, false
}
