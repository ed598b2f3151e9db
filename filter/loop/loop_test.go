package loop_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLoop(t *testing.T) *loop.Loop {
	t.Helper()
	l := loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
	t.Cleanup(l.Close)
	return l
}

// run has f called on the loop's thread, and waits for it.
func run(l *loop.Loop, f func()) {
	done := make(chan struct{})
	l.Post(func() {
		defer close(done)
		f()
	})
	<-done
}

// sealed is more than TLS holds of what TryWrite took.
const sealed = 128 << 10

// user has a socket, and complains of what a watcher may not do.
type user struct {
	t       *testing.T
	socket  socket.Socket
	read    func(r socket.Reader)
	written chan struct{}
	over    chan error // holds all that there may be

	inside atomic.Bool
	closed atomic.Bool
}

var _ socket.Events = (*user)(nil)

func watch(t *testing.T, l *loop.Loop, e sockettest.Pair, read func(u *user, r socket.Reader)) *user {
	t.Helper()
	u := &user{t: t, written: make(chan struct{}, 1000), over: make(chan error, 4)}
	u.read = func(r socket.Reader) { read(u, r) }
	run(l, func() { // no event comes before the iteration is over
		u.socket = l.Watch(e.Near, func() { _ = e.Near.Close() }, u)
	})
	t.Cleanup(func() {
		u.close()
		_ = e.Far.Close()
	})
	return u
}

func (u *user) Readable(r socket.Reader) {
	defer u.event()()
	u.read(r)
}

func (u *user) Written() {
	defer u.event()()
	u.written <- struct{}{}
}

func (u *user) Over(err error) {
	defer u.event()()
	u.over <- err
}

func (u *user) close() {
	u.socket.Close()
	u.closed.Store(true)
}

func (u *user) event() func() {
	if u.closed.Load() {
		u.t.Error("an event after Close")
	}
	if u.inside.Swap(true) {
		u.t.Error("two events at once")
	}
	return func() { u.inside.Store(false) }
}

// each runs a test with each kind of connection.
func each(t *testing.T, test func(t *testing.T, open func(t *testing.T) sockettest.Pair)) {
	t.Helper()
	for name, open := range sockettest.Pairs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// What comes is read, to the loop's buffer or elsewhere, whole and in order; what is sent arrives so.
func TestBothWays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func(t *testing.T) sockettest.Pair) {
		t.Helper()
		e := open(t)
		l := newLoop(t)
		want := make([]byte, 3<<20)
		for i := range want {
			want[i] = byte(i * i >> 7)
		}
		var got []byte
		whole := make(chan struct{})
		u := watch(t, l, e, func(_ *user, r socket.Reader) {
			if len(got)%3 == 0 {
				got = append(got, r.Next()...)
			} else {
				room := make([]byte, 100<<10)
				got = append(got, room[:r.Into(room)]...)
			}
			if len(got) == len(want) {
				close(whole)
			}
		})
		go func() {
			for rest := want; len(rest) > 0; {
				n := min(1+rand.IntN(70<<10), len(rest))
				_, _ = e.Far.Write(rest[:n])
				rest = rest[n:]
			}
		}()
		sockettest.Receive(t, whole, "all that was written")
		if !bytes.Equal(got, want) {
			t.Error("what was read is not what was written")
		}

		var parts [][]byte
		for rest := want; len(rest) > 0; {
			n := min(rand.IntN(10<<10), len(rest))
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		var n, left int
		run(l, func() { // nothing is sent meanwhile
			n = u.socket.TryWrite(parts)
			u.socket.Send(socket.Rest(parts, n))
			left = u.socket.Unsent()
		})
		if least := len(want) - n; left < least || left > least+sealed {
			t.Errorf("unsent %d, want %d, and %d at most on their way through TLS", left, least, sealed)
		}
		back := make([]byte, len(want))
		if _, err := io.ReadFull(e.Far, back); err != nil || !bytes.Equal(back, want) {
			t.Errorf("what was sent did not arrive: %v", err)
		}
		sockettest.Receive(t, u.written, "Written")
		if left := u.socket.Unsent(); left != 0 {
			t.Errorf("unsent %d after Written", left)
		}
	})
}

// The other end says that it has sent all: Over(EOF), once, and writing goes on. Then it is gone.
func TestOver(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	e := sockettest.TCP(t)
	u := watch(t, l, e, func(_ *user, r socket.Reader) { r.Next() })
	_ = e.Far.(*net.TCPConn).CloseWrite()
	if err := sockettest.Receive(t, u.over, "Over"); !errors.Is(err, io.EOF) {
		t.Errorf("over because of %v, want EOF", err)
	}
	u.socket.Send([][]byte{[]byte("still")})
	got := make([]byte, 5)
	if _, err := io.ReadFull(e.Far, got); err != nil || string(got) != "still" {
		t.Errorf("read %q, %v", got, err)
	}
	sockettest.Receive(t, u.written, "Written")
	if err := u.socket.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := e.Far.Read(got); !errors.Is(err, io.EOF) {
		t.Errorf("read %v, want EOF", err)
	}
}

// While reading is paused nothing comes, not even that the other end is gone; after it, all does.
func TestPause(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	e := sockettest.TCP(t)
	got := make(chan string, 10)
	u := watch(t, l, e, func(u *user, r socket.Reader) {
		u.socket.Pause(true)
		got <- string(r.Next())
	})
	_, _ = e.Far.Write([]byte("one"))
	if p := sockettest.Receive(t, got, "Readable"); p != "one" {
		t.Errorf("read %q", p)
	}
	_, _ = e.Far.Write([]byte("two"))
	_ = e.Far.(*net.TCPConn).SetLinger(0)
	_ = e.Far.Close()
	iterations(t, l, 10)
	select {
	case p := <-got:
		t.Errorf("read %q while paused", p)
	case err := <-u.over:
		t.Errorf("over while paused: %v", err)
	default:
	}
	u.socket.Pause(false)
	// A reset may have overtaken what came before it; then there is only the error.
	select {
	case <-got:
		u.socket.Pause(false)
		sockettest.Receive(t, u.over, "Over")
	case <-u.over:
	case <-time.After(sockettest.Patience):
		t.Error("nothing comes after the pause")
	}
}

// iterations waits for some iterations to pass.
func iterations(t *testing.T, l *loop.Loop, n int) {
	t.Helper()
	for range n {
		done := make(chan struct{})
		l.Post(func() { close(done) })
		sockettest.Receive(t, done, "an iteration")
	}
}

// Writing to who is gone is told of.
func TestWriteToNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func(t *testing.T) sockettest.Pair) {
		t.Helper()
		e := open(t)
		u := watch(t, newLoop(t), e, func(_ *user, r socket.Reader) { r.Next() })
		_ = e.Far.Close()
		sockettest.Receive(t, u.over, "Over")
		for {
			u.socket.Send([][]byte{make([]byte, 1<<20)}) // the first may vanish on its way
			select {
			case <-u.written:
			case <-u.over:
				return
			case <-time.After(sockettest.Patience):
				t.Fatal("neither written nor over")
			}
		}
	})
}

// A panic costs nobody else anything.
func TestPanic(t *testing.T) {
	t.Parallel()
	var panics atomic.Int32
	l := loop.New(func(any, []byte) { panics.Add(1) })
	t.Cleanup(l.Close)
	bad, good := sockettest.TCP(t), sockettest.TCP(t)
	watch(t, l, bad, func(_ *user, r socket.Reader) {
		r.Next()
		panic("bug")
	})
	got := make(chan struct{}, 1)
	watch(t, l, good, func(_ *user, r socket.Reader) {
		r.Next()
		got <- struct{}{}
	})
	l.Post(func() { panic("bug") })
	_, _ = bad.Far.Write([]byte("x"))
	iterations(t, l, 3)
	_, _ = good.Far.Write([]byte("x"))
	sockettest.Receive(t, got, "Readable")
	if panics.Load() == 0 {
		t.Error("no panic is told of")
	}
}

// What is flushed during an iteration waits for its end.
func TestIteration(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	flushed, done := 0, make(chan struct{})
	i := &cork.Item{Flush: func() { flushed++ }}
	l.Post(func() {
		l.Cork().Hold()
		l.Cork().Flush(i)
		l.Cork().Release()
		l.Cork().Flush(i)
		if flushed > 0 {
			t.Error("flushed in the middle of an iteration")
		}
	})
	l.Post(func() { // in this iteration or in the next
		l.Post(func() {
			defer close(done)
			if flushed != 1 {
				t.Errorf("flushed %d times, want once", flushed)
			}
		})
	})
	sockettest.Receive(t, done, "the iteration after")
}

// What is posted just before the first socket is watched is called, though it was to wake the loop elsewhere.
func TestFirstSocket(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	e := sockettest.TCP(t)
	called := make(chan struct{})
	sockets := make(chan socket.Socket, 1)
	u := &user{t: t, read: func(r socket.Reader) { r.Next() }, over: make(chan error, 4)}
	l.Post(func() {
		l.Post(func() { close(called) })
		sockets <- l.Watch(e.Near, func() { _ = e.Near.Close() }, u)
	})
	sockettest.Receive(t, called, "what was posted")
	(<-sockets).Close()
	_ = e.Far.Close()
}

// What has come is read before its end is told, however often the reader pauses.
func TestOverIsBehindWhatCame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func(t *testing.T) sockettest.Pair) {
		t.Helper()
		l, e := newLoop(t), open(t)
		const size = 20_000
		got := 0
		u := watch(t, l, e, func(u *user, r socket.Reader) {
			got += r.Into(make([]byte, 1000))
			u.socket.Pause(true)
			l.Post(func() { u.socket.Pause(false) })
		})
		_, _ = e.Far.Write(make([]byte, size))
		_ = e.Far.Close()
		if sockettest.Receive(t, u.over, "Over"); got != size {
			t.Errorf("over when %d of %d bytes had been read", got, size)
		}
	})
}
