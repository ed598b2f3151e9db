package abi

/*
#include "conn.h"
*/
import "C"

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Conn is a client's connection. Any goroutine may call its methods at any time; none blocks, and once the connection
// is gone they do nothing.
//
// Nothing reaches Envoy here. C takes a note under a mutex of its own, and the worker thread acts on it: at the end of
// the hook it is in, else in on_scheduled, which C asks for if none is on its way.
type Conn struct {
	c *C.km_conn
	// uses is twice the number of calls in progress, plus 1 (gone) once the session has ended. Whoever makes it gone with
	// no call in progress drops the reference to c. A mutex would not do: Envoy can destroy its side, and so call back
	// into Go, inside one of these calls.
	uses atomic.Int64
	// ended says that the session is ended before its client has said that it is done.
	ended atomic.Bool
	// late ends what is closed and whose client does not take what is left for it; nil before Close.
	late atomic.Pointer[time.Timer]
	// kept is what C does not copy.
	kept kept
}

// linger is how long a client has that was told FIN to close its side. Some do not look while they wait for no answer.
const linger = time.Second

// takeTime is how long a client may take over what is left for it when its connection is closed. Envoy does not say whether it gets
// on, and would wait for ever.
const takeTime = 30 * time.Second

const gone = 1

// Writev queues parts for the client. Without sent it keeps neither them nor what they point to: C copies each to what Envoy is handed
// next. With it C may have Envoy copy what they point to, and sent is called once that is done, or nobody wants it any more. It reports
// true when too much is unsent: Congested(false) follows once that has been sent.
func (c *Conn) Writev(parts [][]byte, sent func()) (outputFull bool) {
	if c.acquire() {
		defer c.release()
		if sent != nil && isLong(parts) {
			return c.keep(parts, sent)
		}
		for _, p := range parts {
			if C.km_conn_write(c.c, unsafe.Pointer(unsafe.SliceData(p)), C.size_t(len(p))) {
				outputFull = true
			}
		}
	}
	if sent != nil {
		sent()
	}
	return outputFull
}

// Close closes the connection once everything written has left. What is written after it is dropped.
func (c *Conn) Close() {
	if !c.acquire() {
		return
	}
	C.km_conn_close(c.c)
	if c.ended.Load() {
		time.AfterFunc(linger, c.cutLater)
	}
	if c.late.Load() == nil {
		c.late.Store(time.AfterFunc(takeTime, c.abortLater))
	}
	c.release()
}

// Abort closes the connection at once: what is unsent is dropped.
func (c *Conn) Abort() {
	if !c.acquire() {
		return
	}
	C.km_conn_abort(c.c)
	c.release()
}

// PauseReads has Envoy stop reading from the client, or go on. Data already read may still arrive. While reads are
// paused a client that goes away with bytes unread is not noticed.
func (c *Conn) PauseReads(pause bool) {
	if !c.acquire() {
		return
	}
	C.km_conn_pause(c.c, C.bool(pause))
	c.release()
}

// end has the session told that the client sends no more, although it may: it gets its answers, then FIN.
func (c *Conn) end() {
	if !c.acquire() {
		return
	}
	c.ended.Store(true)
	C.km_conn_end(c.c)
	c.release()
}

// cut closes what was ended and closed.
func (c *Conn) cut() {
	if !c.acquire() {
		return
	}
	C.km_conn_cut(c.c)
	c.release()
}

// What timers call.

func (c *Conn) endLater() {
	defer caught("timer")
	c.end()
}

func (c *Conn) cutLater() {
	defer caught("timer")
	c.cut()
}

func (c *Conn) abortLater() {
	defer caught("timer")
	c.Abort()
}

func (c *Conn) acquire() bool {
	for {
		n := c.uses.Load()
		if n&gone != 0 {
			return false
		}
		if c.uses.CompareAndSwap(n, n+2) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.uses.Add(-2) == gone {
		C.km_conn_unref(c.c)
	}
}

// drop ends the use of c. Once.
func (c *Conn) drop() {
	if late := c.late.Load(); late != nil {
		late.Stop()
	}
	c.kept.endAll()
	if c.uses.Add(gone) == gone {
		C.km_conn_unref(c.c)
	}
}
