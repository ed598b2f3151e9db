package loop_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
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

const patience = time.Minute

func newLoop(t *testing.T) *loop.Loop {
	t.Helper()
	l := loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
	t.Cleanup(l.Close)
	return l
}

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
	ready := make(chan struct{})
	l.Post(func() { // no event comes before the iteration is over
		defer close(ready)
		u.socket = l.Watch(e.Near, func() { _ = e.Near.Close() }, u)
	})
	<-ready
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

func receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	return v
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
		receive(t, whole, "all that was written")
		if !bytes.Equal(got, want) {
			t.Error("what was read is not what was written")
		}

		var parts [][]byte
		for rest := want; len(rest) > 0; {
			n := min(rand.IntN(10<<10), len(rest))
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		n := u.socket.TryWrite(parts)
		u.socket.Send(socket.Rest(parts, n))
		if left := u.socket.Unsent(); left != len(want)-n {
			t.Errorf("unsent %d, want %d", left, len(want)-n)
		}
		back := make([]byte, len(want))
		if _, err := io.ReadFull(e.Far, back); err != nil || !bytes.Equal(back, want) {
			t.Errorf("what was sent did not arrive: %v", err)
		}
		receive(t, u.written, "Written")
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
	if err := receive(t, u.over, "Over"); !errors.Is(err, io.EOF) {
		t.Errorf("over because of %v, want EOF", err)
	}
	u.socket.Send([][]byte{[]byte("still")})
	got := make([]byte, 5)
	if _, err := io.ReadFull(e.Far, got); err != nil || string(got) != "still" {
		t.Errorf("read %q, %v", got, err)
	}
	receive(t, u.written, "Written")
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
	if p := receive(t, got, "Readable"); p != "one" {
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
		receive(t, u.over, "Over")
	case <-u.over:
	case <-time.After(patience):
		t.Error("nothing comes after the pause")
	}
}

// iterations waits for some iterations to pass.
func iterations(t *testing.T, l *loop.Loop, n int) {
	t.Helper()
	for range n {
		done := make(chan struct{})
		l.Post(func() { close(done) })
		receive(t, done, "an iteration")
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
		receive(t, u.over, "Over")
		for {
			u.socket.Send([][]byte{make([]byte, 1<<20)}) // the first may vanish on its way
			select {
			case <-u.written:
			case <-u.over:
				return
			case <-time.After(patience):
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
	receive(t, got, "Readable")
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
	receive(t, done, "the iteration after")
}

// TestHammer has connections watched, written, paused and closed from many goroutines.
func TestHammer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func(t *testing.T) sockettest.Pair) {
		t.Helper()
		l := newLoop(t)
		var users sync.WaitGroup
		for range 8 {
			users.Go(func() {
				for range 25 {
					hammer(t, l, open(t))
				}
			})
		}
		users.Wait()
	})
}

func hammer(t *testing.T, l *loop.Loop, e sockettest.Pair) {
	t.Helper()
	u := &user{t: t, written: make(chan struct{}, 1000), over: make(chan error, 4), read: func(r socket.Reader) { r.Next() }}
	u.socket = l.Watch(e.Near, func() { _ = e.Near.Close() }, u)
	var others sync.WaitGroup
	others.Go(func() {
		for range rand.IntN(10) {
			_, _ = e.Far.Write(make([]byte, rand.IntN(100<<10)))
		}
		if rand.IntN(2) == 0 {
			_ = e.Far.Close()
		}
	})
	others.Go(func() { _, _ = io.Copy(io.Discard, e.Far) })
	others.Go(func() {
		for range rand.IntN(10) {
			u.socket.Pause(rand.IntN(2) == 0)
		}
		u.socket.Pause(false)
	})
	for over := false; !over && rand.IntN(5) > 0; {
		part := make([]byte, rand.IntN(300<<10))
		if n := u.socket.TryWrite([][]byte{part}); n < len(part) {
			u.socket.Send([][]byte{part[n:]})
			select {
			case <-u.written:
			case <-u.over: // of what is read, perhaps: what is sent may be on its way
				over = true
			}
		}
	}
	u.close()
	_ = e.Far.Close()
	others.Wait()
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
	receive(t, called, "what was posted")
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
		if receive(t, u.over, "Over"); got != size {
			t.Errorf("over when %d of %d bytes had been read", got, size)
		}
	})
}

// A loop and its sockets may be closed in any order: nothing is left of either, and nobody else's descriptor is taken for theirs.
func TestDescriptors(t *testing.T) { //nolint:paralleltest // it counts those of the process
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc")
		}
		return len(open)
	}
	before := count()
	for _, loopFirst := range []bool{true, false} {
		l := loop.New(func(any, []byte) {})
		e := sockettest.TCP(t)
		s := l.Watch(e.Near, func() { _ = e.Near.Close() }, &user{t: t, read: func(r socket.Reader) { r.Next() }, over: make(chan error, 4)})
		if loopFirst {
			l.Close()
		}
		s.Pause(true)
		if loopFirst {
			l.Post(func() { t.Error("called after Close") })
		}
		s.Close()
		if !loopFirst {
			l.Close()
		}
		_ = e.Far.Close()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, want the %d from before", after, before)
	}
}
