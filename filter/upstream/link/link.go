package link

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Settings is what links are told to be.
type Settings struct {
	// ClientID is what requests say.
	ClientID string
	// MaxAnswer is the length, in bytes, of the longest answer that is read.
	MaxAnswer int32
	// AnswerTimeout is how long a broker may owe an answer. Zero: for ever.
	AnswerTimeout time.Duration
	// LateTimeout is the same while a call on the link is past its deadline.
	LateTimeout time.Duration
	// Panics stops those of calls, owners and dialers.
	Panics guard.Panics
	// Room, if set, bounds the memory of answers.
	Room Room
	// Watcher reads and writes the connections, on a thread of its own. Nil, and what it does not watch: goroutines do.
	Watcher socket.Watcher
}

var (
	errNotUp    = errors.New("not connected yet")
	errTimedOut = errors.New("a request is past its time")
)

// Link is one connection to a broker. Its methods may be called from any goroutine.
type Link struct {
	settings Settings
	owner    Owner
	stop     context.CancelFunc // ends dialling
	over     chan struct{}      // closed when err is there

	full atomic.Bool

	mu      sync.Mutex
	conn    Conn
	up      bool        // conn is there
	err     error       // why the link ended; nil while it lives
	flight  []flight    // calls without an answer, in the order sent
	heard   time.Time   // the last answer came, or reading went on
	watched bool        // the timer runs
	timer   *time.Timer // looks for answers past their time; nil before the first call

	socket socket.Socket // from up on
	alone  bool          // one thread reads and writes the socket
	inbox  inbox
	writer
	room
}

// flight is a call without an answer.
type flight struct {
	call    Call
	number  int64 // of the request on its connection, from 0
	version int16
	sent    time.Time
	due     time.Time // the call's deadline
}

// correlation is the request's correlation id. A connection may live for more requests than there are ids.
func (f *flight) correlation() int32 { return int32(f.number & math.MaxInt32) }

// Start has a broker dialled, and returns at once: the owner is told when the link is ready. The end of ctx ends the dialling.
func Start(ctx context.Context, s Settings, d Dialer, addr string, o Owner) *Link {
	l := &Link{settings: s, owner: o, over: make(chan struct{})}
	l.inbox.limit, l.inbox.link = s.MaxAnswer, l
	ctx, l.stop = context.WithCancel(ctx)
	l.changed = sync.NewCond(&l.mu)
	go l.run(ctx, d, addr)
	return l
}

// Send sends a call. Who sends from one goroutine at a time has its calls sent in that order. Unless there is an error, the link has
// taken the call; with an error the call hears nothing.
//
// It is written now, as far as the socket takes it without waiting, unless another is being written.
func (l *Link) Send(c Call) error {
	f, mine, err := l.take(c)
	if mine {
		l.writeFrom(f)
	}
	return err
}

// Full says that what was sent is not written yet: what comes now waits behind it. Owner.Ready comes after that.
func (l *Link) Full() bool { return l.full.Load() }

// Close ends the link because of err, of which its calls and the owner hear from another goroutine. Only the first reason counts.
func (l *Link) Close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail(err)
}

// Versions is what the broker takes, once the link has been ready.
func (l *Link) Versions() Versions {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn.Versions
}

// Until is when the broker ends the connection; zero: it does not say.
func (l *Link) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn.Until
}

// take puts a call in flight: before it is written, since the answer may be faster than the writer. The caller has to write it if it is
// said to be theirs.
func (l *Link) take(c Call) (f flight, mine bool, err error) {
	key, least, most := c.API()
	due := c.Deadline()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return f, false, l.err
	case !l.up:
		return f, false, errNotUp
	}
	version, ok := l.conn.Versions.Newest(key, least, most)
	if !ok {
		return f, false, fmt.Errorf("%s, versions %d to %d: %w", key, least, most, wire.ErrVersion)
	}
	f = flight{call: c, number: l.next, version: version, sent: time.Now(), due: due}
	l.next++
	l.flight = append(l.flight, f)
	l.watch()
	if l.writing { // whoever writes goes on with it
		l.full.Store(true)
		return f, false, nil
	}
	l.writing = true
	l.begun++
	return f, true, nil
}

// fail ends the link because of err, once. l.mu is held.
func (l *Link) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	close(l.over)
	l.stop()
	l.changed.Broadcast()
}

func (l *Link) run(ctx context.Context, d Dialer, addr string) {
	l.settings.Panics.Guard("link", func() { l.live(ctx, d, addr) })
}

// live dials, waits for the end, and tells everybody of it.
func (l *Link) live(ctx context.Context, d Dialer, addr string) {
	defer l.finish()
	if err := l.dial(ctx, d, addr); err != nil {
		l.Close(err)
		return
	}
	defer l.socket.Close()
	l.settings.Panics.Guard("link ready", l.tellReady)
	<-l.over
}

func (l *Link) tellReady() { l.owner.Ready(l) }

// dial connects, unless the link is closed meanwhile.
func (l *Link) dial(ctx context.Context, d Dialer, addr string) error {
	var conn Conn
	err := l.settings.Panics.Attempt("dial", func() (err error) {
		conn, err = d.Dial(ctx, addr)
		return err
	})
	if err != nil {
		return err
	}
	s := l.watchSocket(conn)
	l.mu.Lock()
	if err = l.err; err == nil {
		l.conn, l.socket, l.up = conn, s, true
	}
	l.mu.Unlock()
	if err != nil {
		s.Close()
	}
	return err
}

// watchSocket makes a socket of a connection, whose events may come before it returns.
//
//nolint:ireturn // there are several kinds
func (l *Link) watchSocket(conn Conn) socket.Socket {
	hangUp := func() { l.settings.Panics.Guard("hang up", conn.Close) }
	if w := l.settings.Watcher; w != nil {
		l.alone = true
		if s := w.Watch(conn.Conn, hangUp, events{l}); s != nil {
			return s
		}
		l.alone = false
	}
	return socket.Goroutines{Guard: l.settings.Panics.Guard}.Watch(conn.Conn, hangUp, events{l})
}

// events is what the socket tells.
type events struct{ link *Link }

var _ socket.Events = events{}

// Readable implements socket.Events.
func (e events) Readable(r socket.Reader) {
	l := e.link
	if err := l.settings.Panics.Attempt("link reader", func() error { return l.readable(r) }); err != nil {
		l.Close(err)
	}
}

// Written implements socket.Events.
func (e events) Written() { e.link.settings.Panics.Guard("link writer", e.link.written) }

// Over implements socket.Events.
func (e events) Over(err error) { e.link.Close(e.link.inbox.end(err)) }

// finish fails what is in flight when the link has ended.
func (l *Link) finish() {
	l.mu.Lock()
	for l.writing && !l.handed { // somebody still reads what calls are made of
		l.changed.Wait()
	}
	lost, begun := l.flight, l.begun
	l.flight = nil
	l.stopWatching()
	l.mu.Unlock()
	l.leaveRoom()
	for i := range lost {
		f := &lost[i]
		l.settings.Panics.Guard("call", func() { f.call.Fail(l.err, f.number < begun) })
	}
	l.settings.Panics.Guard("link ended", func() { l.owner.Ended(l.err) })
}
