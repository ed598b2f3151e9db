package loop

import (
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

// Loop is one thread. Its methods may be called from any goroutine.
type Loop struct {
	caught func(reason any, stack []byte)
	cork   cork.Cork
	ended  chan struct{}

	mu      sync.Mutex
	tasks   []func()
	woken   bool           // the loop has been told of them
	polls   *socket.Poller // nil: there has been no socket yet
	wake    chan struct{}  // holds 1: look again, while there is no poller
	closing bool

	// These belong to the loop's goroutine.
	waited time.Time // when it last waited for the poller
	seen   bool      // somebody has been made to look since
}

// busy is how long a loop goes on without waiting until somebody is made to look for what others wait for.
const busy = 200 * time.Microsecond

var _ socket.Watcher = (*Loop)(nil)

// New starts a loop. caught is told of panics, which end nothing.
func New(caught func(reason any, stack []byte)) *Loop {
	l := &Loop{caught: caught, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go func() { l.guard(l.run) }()
	return l
}

// Cork is held during each iteration.
func (l *Loop) Cork() *cork.Cork { return &l.cork }

// Post has f called in an iteration, behind what was posted before.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.tasks = append(l.tasks, f)
		l.wakeUp()
	}
}

// Watch implements socket.Watcher. Events come in iterations. What is neither a socket nor TLS on one has goroutines beside.
//
//nolint:ireturn // as Watcher has it
func (l *Loop) Watch(conn net.Conn, closes func(), e socket.Events) socket.Socket {
	if _, ok := conn.(syscall.Conn); ok {
		if polls := l.poller(); polls != nil {
			if s := polls.Watch(conn, closes, e); s != nil {
				return s
			}
		}
	}
	if s, ok := socket.WatchTLS(l, l.Post, conn, closes, e); ok {
		return s
	}
	return l.relay(conn, closes, e)
}

// Close ends the loop, and returns when it has ended. What was posted is not called any more, and sockets that are open have no events. It
// must not be called in an iteration.
func (l *Loop) Close() {
	l.mu.Lock()
	l.closing = true
	l.wakeUp()
	l.mu.Unlock()
	<-l.ended
}

// poller is there from the first socket on; nil: there is none.
func (l *Loop) poller() *socket.Poller {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil
	}
	if l.polls == nil {
		if l.polls = socket.NewPoller(l.guardNamed); l.polls != nil {
			l.polls.Wake() // it may have been woken where it does not wait any more
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
	}
	return l.polls
}

// wakeUp has the loop look again, wherever it waits. l.mu is held.
func (l *Loop) wakeUp() {
	if l.woken {
		return
	}
	l.woken = true
	if l.polls != nil {
		l.polls.Wake()
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run has one iteration after another, until the loop is closed.
func (l *Loop) run() {
	defer close(l.ended)
	for {
		polls, more := l.prepare()
		if !more {
			return
		}
		l.guard(func() {
			if polls == nil {
				<-l.wake
			} else {
				l.wait(polls)
			}
			l.iteration(polls)
		})
	}
}

// wait waits for sockets.
//
// In Go a thread that has nothing to run waits for what all goroutines wait for. When that is something for this loop, the thread is the
// loop's, and nobody waits any more: another loop would hear of its sockets from the runtime's monitor, after 10 ms and more. A busy loop
// therefore starts a goroutine that does nothing: the thread that runs it then has nothing to run, and waits.
func (l *Loop) wait(polls *socket.Poller) {
	switch {
	case polls.Wait():
		l.waited, l.seen = time.Now(), false
	case !l.seen && time.Since(l.waited) > busy:
		l.seen = true
		go nothing()
	}
}

func nothing() {}

// prepare says where to wait for the next iteration. Without more, the loop ends.
func (l *Loop) prepare() (polls *socket.Poller, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing && l.polls != nil {
		l.polls.Close()
	}
	return l.polls, !l.closing
}

// iteration handles what is ready, and what was posted.
func (l *Loop) iteration(polls *socket.Poller) {
	l.cork.Begin()
	defer l.cork.End()
	if polls != nil {
		polls.Handle() // what is left is told of again
	}
	for _, f := range l.posted() {
		l.guard(f)
	}
}

// posted takes out what was posted.
func (l *Loop) posted() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := l.tasks
	l.tasks, l.woken = nil, false
	return tasks
}

// guard makes a call that may meet a bug.
func (l *Loop) guard(call func()) {
	defer func() {
		if reason := recover(); reason != nil {
			l.caught(reason, debug.Stack())
		}
	}()
	call()
}

func (l *Loop) guardNamed(_ string, call func()) { l.guard(call) }
