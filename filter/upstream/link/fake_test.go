package link_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are what the fake broker says that it takes.
func versions() link.Versions {
	return link.Versions{
		wire.KeyProduce: {Min: 3, Max: 12}, wire.KeyFetch: {Min: 4, Max: 17}, wire.KeyMetadata: {Min: 0, Max: 13},
		wire.KeyFindCoordinator: {Min: 0, Max: 6}, wire.KeyApiVersions: {Min: 0, Max: 4},
	}
}

// network dials one broker, whose end of the connection it has.
type network struct {
	near, far net.Conn
	err       error          // of the dialling
	watcher   socket.Watcher // nil: goroutines
}

// networks are those of which a link must not see the difference.
var networks = map[string]func(t *testing.T) *network{
	"pipe":           func(*testing.T) *network { return pipes() },
	"socket":         sockets,
	"pipe in a loop": func(t *testing.T) *network { t.Helper(); return pipes().in(t) },
	"loop":           func(t *testing.T) *network { t.Helper(); return sockets(t).in(t) },
	"TLS":            func(t *testing.T) *network { t.Helper(); return on(sockettest.TLS(t)) },
	"TLS in a loop":  func(t *testing.T) *network { t.Helper(); return on(sockettest.TLS(t)).in(t) },
}

// pipes is a network without room in it: what is written has been read.
func pipes() *network { return on(sockettest.Pipe(nil)) }

// sockets is one of this machine's own.
func sockets(t *testing.T) *network {
	t.Helper()
	return on(sockettest.TCP(t))
}

func on(p sockettest.Pair) *network { return &network{near: p.Near, far: p.Far} }

func (n *network) Dial(context.Context, string) (link.Conn, error) {
	if n.err != nil {
		return link.Conn{}, n.err
	}
	return link.Conn{Conn: n.near, Close: func() { _ = n.near.Close() }, Versions: versions()}, nil
}

// request is what the broker has read.
type request struct {
	key, version int16
	correlation  int32
	rest         []byte // client id and all behind it
}

// in has a loop watch the connection.
func (n *network) in(t *testing.T) *network {
	t.Helper()
	l := loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
	t.Cleanup(l.Close)
	n.watcher = l
	return n
}

func (n *network) read() (r request, err error) {
	var size [4]byte
	if _, err := io.ReadFull(n.far, size[:]); err != nil {
		return r, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(n.far, frame); err != nil {
		return r, err
	}
	return request{
		int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:])), int32(binary.BigEndian.Uint32(frame[4:])), frame[8:],
	}, nil
}

// frame is an answer: length, correlation id, body.
func frame(correlation int32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	return append(b, body...)
}

// echo answers every request with what it says.
func (n *network) echo() {
	for {
		r, err := n.read()
		if err != nil {
			return
		}
		if _, err := n.far.Write(frame(r.correlation, r.rest)); err != nil {
			return
		}
	}
}

// owner notes what it is told.
type owner struct {
	ready chan struct{} // once
	room  chan struct{} // there is, and the owner was told so
	ended chan struct{}
	err   error

	mu       sync.Mutex
	readies  int
	runs     int // of answers
	inside   int // of Answering and Answered
	bug      string
	unpaired bool
}

func newOwner() *owner {
	return &owner{ready: make(chan struct{}), room: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (o *owner) Ready(l *link.Link) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.readies++; o.readies == 1 {
		close(o.ready)
	} else if !l.Full() {
		select {
		case o.room <- struct{}{}:
		default:
		}
	}
	if o.bug == "ready" {
		panic("bug")
	}
}

func (o *owner) Answering() { o.count(1) }

func (o *owner) Answered() { o.count(-1) }

func (o *owner) Ended(err error) {
	o.err = err
	close(o.ended)
}

func (o *owner) count(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inside += n
	o.runs += max(0, n)
	o.unpaired = o.unpaired || o.inside < 0 || o.inside > 1
}

// call is a request whose body is text.
type call struct {
	text   string
	due    time.Time
	keep   bool
	refuse error  // what Answer returns
	bug    string // where it panics
	none   bool   // no version of it is taken

	done chan struct{}
	got  []byte
	err  error
	sent bool
}

func newCall(text string) *call { return &call{text: text, done: make(chan struct{})} }

func (c *call) API() (key wire.APIKey, least, most int16) {
	if c.none {
		return wire.KeyProduce, 13, 13
	}
	return wire.KeyProduce, 0, 9
}

func (c *call) Deadline() time.Time { return c.due }

func (c *call) Append(scratch []byte, segments [][]byte, h link.Head) ([]byte, [][]byte) {
	if c.bug == "append" {
		panic("bug")
	}
	start := len(scratch)
	b := binary.BigEndian.AppendUint32(scratch, uint32(8+len(c.text)))
	b = binary.BigEndian.AppendUint16(b, uint16(wire.KeyProduce))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(h.CorrelationID))
	return b, append(segments, b[start:], []byte(c.text))
}

func (c *call) Answer(a *link.Answer) error {
	defer close(c.done)
	if c.bug == "answer" {
		panic("bug")
	}
	if c.got = append([]byte(nil), a.Body()...); c.keep {
		c.got = a.Keep()
	}
	return c.refuse
}

func (c *call) Fail(err error, sent bool) {
	c.err, c.sent = err, sent
	close(c.done)
}

// bench is a link that is up.
type bench struct {
	t       *testing.T
	network *network
	owner   *owner
	link    *link.Link
	room    link.Room
	panics  int
	mu      sync.Mutex
}

func (b *bench) settings() link.Settings {
	return link.Settings{MaxAnswer: 1 << 20, AnswerTimeout: 10 * time.Second, LateTimeout: 2 * time.Second, Panics: guard.Panics{
		Caught: func(string, any, []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.panics++
		},
	}, Watcher: b.network.watcher, Room: b.room}
}

func start(t *testing.T, n *network) *bench {
	t.Helper()
	return startIn(t, n, nil)
}

// startIn is start for a link that has so much room.
func startIn(t *testing.T, n *network, room link.Room) *bench {
	t.Helper()
	b := &bench{t: t, network: n, owner: newOwner(), room: room}
	b.link = link.Start(t.Context(), b.settings(), n, "1", b.owner)
	<-b.owner.ready
	return b
}

// stop ends the link, and sees that its owner was told what it should have been.
func (b *bench) stop() {
	b.t.Helper()
	b.link.Close(errStopped)
	<-b.owner.ended
	_ = b.network.far.Close()
	if b.owner.unpaired || b.owner.inside != 0 {
		b.t.Error("Answering and Answered are not called in turn")
	}
}

var errStopped = errors.New("stopped")

func (b *bench) send(c *call) *call {
	b.t.Helper()
	if err := b.link.Send(c); err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (c *call) wantAnswer(t *testing.T, want string) {
	t.Helper()
	<-c.done
	if c.err != nil || string(c.got) != want {
		t.Errorf("call %q got %q, %v; want %q", c.text, c.got, c.err, want)
	}
}

func (c *call) wantFailure(t *testing.T, sent bool) {
	t.Helper()
	<-c.done
	if c.err == nil || c.sent != sent {
		t.Errorf("call %q got %q, %v, sent: %t; want a failure, sent: %t", c.text, c.got, c.err, c.sent, sent)
	}
}
