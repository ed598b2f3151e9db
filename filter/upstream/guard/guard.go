// Package guard stops panics on the upstream path: they would end a process that is not ours.
package guard

import (
	"errors"
	"runtime/debug"
)

// ErrPanic stands for a panic, which is a bug of ours: it is reported, and costs no more than an error would.
var ErrPanic = errors.New("internal error")

// Panics stops panics and tells of them. Any goroutine may use it.
type Panics struct {
	// Caught is told of each. Nil: nobody is.
	Caught func(where string, reason any, stack []byte)
}

// Guard runs f. A panic in f ends f and nothing else.
func (p *Panics) Guard(where string, f func()) {
	_ = p.Attempt(where, func() error { f(); return nil })
}

// Attempt is Guard for what can fail: a panic is ErrPanic.
func (p *Panics) Attempt(where string, f func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = ErrPanic
			p.tell(where, reason, debug.Stack())
		}
	}()
	return f()
}

// Recover stops a panic of whoever defers it, which then returns what it has by then.
func (p *Panics) Recover(where string) {
	if reason := recover(); reason != nil {
		p.tell(where, reason, debug.Stack())
	}
}

func (p *Panics) tell(where string, reason any, stack []byte) {
	defer func() { _ = recover() }() // who is told may be what has the bug
	if p.Caught != nil {
		p.Caught(where, reason, stack)
	}
}
