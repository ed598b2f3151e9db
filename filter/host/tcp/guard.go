package tcp

import "runtime/debug"

// guard runs call. A panic is a bug: it costs connection c, not the process. c is nil if there is none.
func (o *Options) guard(c *conn, call func()) {
	defer o.recover(c)
	call()
}

// recover stops a panic, logs it, and closes connection c.
func (o *Options) recover(c *conn) {
	reason := recover()
	if reason == nil {
		return
	}
	log := o.Log
	if c != nil {
		log = log.With("client", c.remote)
	}
	log.Error("panic recovered; please report it", "panic", reason, "stack", string(debug.Stack()))
	if o.Panicked != nil {
		o.Panicked()
	}
	if c != nil {
		defer func() { _ = recover() }() // it may be the connection that has the bug
		c.Abort()
	}
}
