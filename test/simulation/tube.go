package simulation

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// mesh is the way through a filter.
type mesh struct {
	line    *timeline
	filter  *filter.Filter
	rnd     *rand.Rand
	workers map[endpoint]int // whose sessions a client's connections are
	tubes   []*tube
}

var _ reach = (*mesh)(nil)

// endpoint is a client as its connections see it. The timeline calls it.
//
//nolint:interfacebloat // what a client is told, and what it is
type endpoint interface {
	connected(l *link)
	received(l *link, p []byte)
	lost(l *link)
	// still says that it reads nothing just now.
	still() bool
	// distance is how long something takes from it to whom it is connected to.
	distance() time.Duration
	// title is what it calls itself.
	title() string
}

var _, _ endpoint = (*client)(nil), (*reader)(nil)

// node is the facade, whoever leads.
func (m *mesh) node(*writer, int32) node { return node{} }

func (m *mesh) prompt() bool { return true }

// connect connects to the client's worker.
func (m *mesh) connect(c endpoint, l *link) {
	t := &tube{line: m.line, client: c, link: l, rnd: m.rnd}
	t.out, t.back = c.distance(), c.distance()
	l.way = t
	m.tubes = append(m.tubes, t)
	m.line.after(t.out, func() {
		if l.dead {
			t.gone = true
			return
		}
		t.session = m.filter.NewSession(m.workers[c], session.Peer{Remote: c.title(), LocalHost: "mesh", LocalPort: 9092}, t)
		m.line.after(t.back, func() {
			if !l.dead {
				c.connected(l)
			}
		})
	})
}

// ask asks on the connection that is there.
func (m *mesh) ask(c *client) {
	l := c.link(node{})
	if !l.up {
		c.asking = false
		return
	}
	r := kmsg.NewPtrMetadataRequest()
	for _, topic := range c.topics() {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
	}
	c.dispatch(l, pending{ask: true}, wiretest.Frame(wire.KeyMetadata, metadataVersion, l.next, c.nature.name, r))
}

// close ends every session, as a host does that ends.
func (m *mesh) close() {
	for _, t := range m.tubes {
		t.hostLoses()
	}
}

// tube is a client's connection to the mesh, both ends of it, and what a host does: it hands over what arrives, and has what the
// session writes arrive at the client some time later. The session calls it from any goroutine; all else is the timeline's.
type tube struct {
	line      *timeline
	client    endpoint
	link      *link
	rnd       *rand.Rand
	session   *session.Session
	out, back time.Duration
	gone      bool     // the host has let go of it
	dropping  bool     // what is on its way to the host is lost, but for half of the next request
	backlog   [][]byte // has arrived, and reads are paused
	held      [][]byte // has arrived at a client that does not read
	ends      bool     // and then the connection does
	told      bool     // the session that the client is congested

	mu     sync.Mutex
	paused bool
	unsent int // bytes that the client has not read
}

var (
	_ way          = (*tube)(nil)
	_ session.Conn = (*tube)(nil)
)

// congestion is how much a host holds before it likes no more.
const congestion = 256

// Writev is for the session. What it lends is read when it arrives, and then given back.
func (t *tube) Writev(parts [][]byte, sent func()) (congested bool) {
	if parts = slices.Clone(parts); sent == nil {
		parts, sent = [][]byte{slices.Concat(parts...)}, func() {}
	}
	t.mu.Lock()
	for _, p := range parts {
		t.unsent += len(p)
	}
	congested = t.unsent > congestion
	t.mu.Unlock()
	t.line.after(t.back, func() {
		p := slices.Concat(parts...)
		sent()
		t.deliver(p)
	})
	return congested
}

// Close is for the session.
func (t *tube) Close() {
	t.line.after(t.back, func() {
		t.ends = true
		t.deliver(nil)
	})
}

// Abort is for the session: what the client has not read is lost.
func (t *tube) Abort() {
	t.line.after(t.back, func() {
		t.hostLoses()
		t.client.lost(t.link)
	})
}

// PauseReads is for the session.
func (t *tube) PauseReads(pause bool) {
	t.mu.Lock()
	t.paused = pause
	t.mu.Unlock()
	if !pause {
		t.line.after(0, t.handOver)
	}
}

// deliver has the client read p, when it reads.
func (t *tube) deliver(p []byte) {
	if t.gone {
		return
	}
	if p != nil {
		t.held = append(t.held, p)
	}
	if t.client.still() {
		t.mu.Lock()
		congested := t.unsent > congestion
		t.mu.Unlock()
		if congested && !t.told {
			t.told = true
			t.session.Congested(true)
		}
		return
	}
	held := t.held
	t.held = nil
	read := 0
	for _, p := range held {
		read += len(p)
	}
	t.mu.Lock()
	t.unsent -= read
	relieved := t.unsent == 0
	t.mu.Unlock()
	if read > 0 && relieved {
		t.told = false
		t.session.Congested(false)
	}
	for _, p := range held {
		t.client.received(t.link, p)
	}
	if t.ends {
		t.hostLoses()
		t.client.lost(t.link)
	}
}

func (t *tube) send(frame []byte) {
	t.line.after(t.out, func() {
		switch {
		case t.gone:
		case t.dropping && t.backlog == nil:
			t.backlog = append(t.backlog, frame[:len(frame)/2])
		case !t.dropping:
			t.backlog = append(t.backlog, frame)
		}
		t.handOver()
	})
}

// handOver gives the session what has arrived, unless reads are paused.
func (t *tube) handOver() {
	for len(t.backlog) > 0 && !t.gone {
		t.mu.Lock()
		paused := t.paused
		t.mu.Unlock()
		if paused {
			return
		}
		p := t.backlog[0]
		t.backlog = t.backlog[1:]
		if split := t.rnd.IntN(4 * len(p)); split < len(p) {
			t.session.DataMore(p[:split])
			p = p[split:]
		}
		t.session.Data(p)
	}
}

func (t *tube) close() {
	lingers := t.rnd.IntN(2) == 0
	t.line.after(t.out, func() {
		if t.session != nil && !t.gone && lingers {
			t.session.End()
			t.line.after(t.back, t.hostLoses)
			return
		}
		t.hostLoses()
	})
}

func (t *tube) sever(lag time.Duration, drop bool) {
	t.dropping = drop
	t.line.after(lag, t.hostLoses)
}

func (t *tube) thaw() { t.deliver(nil) }

// hostLoses has the host find that the connection is gone.
func (t *tube) hostLoses() {
	if t.gone {
		return
	}
	t.gone = true
	if t.session != nil {
		t.session.Closed()
	}
}
