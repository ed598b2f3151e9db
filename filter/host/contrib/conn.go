package contrib

import (
	"net"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// leaf is a connection's filter as Envoy holds it. Nothing but Envoy points to it: when it is collected, Envoy's part of the
// connection is freed.
type leaf struct{ conn *conn }

var _ api.DownstreamFilter = (*leaf)(nil)

// OnNewConnection starts the session.
func (l *leaf) OnNewConnection() api.FilterStatus {
	l.conn.guard("OnNewConnection", l.conn.open)
	return api.NetworkFilterContinue
}

// OnData takes what the client sent. The buffer is ours. There is never an end: half close is off.
func (l *leaf) OnData(buffer []byte, _ bool) api.FilterStatus {
	if l.conn.session != nil {
		l.conn.guard("OnData", func() {
			l.conn.review() // who sends has most probably read
			l.conn.session.Data(buffer)
		})
	}
	return api.NetworkFilterStopIteration
}

// OnEvent hears that the connection is gone.
func (l *leaf) OnEvent(event api.ConnectionEvent) {
	if event == api.LocalClose && l.conn.session != nil {
		l.conn.guard("OnEvent", l.conn.session.HungUp)
	}
	if event == api.LocalClose || event == api.RemoteClose {
		l.conn.guard("OnEvent", l.conn.gone)
	}
}

// OnWrite sees what we have written pass by. To stop it would drop it.
func (l *leaf) OnWrite([]byte, bool) api.FilterStatus { return api.NetworkFilterContinue }

// conn is a client's connection. Envoy's worker calls what leaf calls, one at a time; the methods of session.Conn may be
// called from any goroutine.
type conn struct {
	mesh    *mesh
	session *session.Session // of Envoy's worker alone; nil: the configuration has mistakes, or the start failed

	mu       sync.Mutex
	callback api.ConnectionCallback // nil once the connection is gone, or has been told to go at once
	closing  bool                   // the connection has been told to close: nothing is written any more
	backlog  backlog
	late     *time.Timer // ends what is closing and whose client does not take what is left for it; nil before
}

// takeTime is how long a client may take over what is left for it when its connection is closed. Envoy does not say whether it gets
// on, and would wait for ever.
const takeTime = 30 * time.Second

var _ session.Conn = (*conn)(nil)

// Writev implements session.Conn. Envoy copies what it gets and sends it later, however much there is: whether it is too much is for
// backlog to find out. One call of Envoy's takes longer than joining parts.
func (c *conn) Writev(parts [][]byte, sent func()) (outputFull bool) {
	if sent != nil {
		defer sent()
	}
	var p []byte
	if len(parts) == 1 {
		p = parts[0]
	} else {
		p = slices.Concat(parts...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callback == nil || c.closing || len(p) == 0 {
		return false
	}
	c.callback.Write(p, false)
	return c.backlog.add(len(p), c.look)
}

// Close implements session.Conn. Nothing is written after it.
func (c *conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callback == nil || c.closing {
		return
	}
	c.closing = true
	c.late = time.AfterFunc(takeTime, c.cut)
	c.callback.Close(api.FlushWrite)
}

// Abort implements session.Conn.
func (c *conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if callback := c.callback; callback != nil {
		c.callback = nil
		callback.Close(api.NoFlush)
	}
}

// PauseReads implements session.Conn. Reads cannot be paused here: what comes is kept by the session, within its limits.
func (c *conn) PauseReads(bool) {}

// look is what the backlog's timer calls.
func (c *conn) look() {
	c.guard("timer", func() {
		if !c.review() {
			c.lookLater()
		}
	})
}

// review has the session go on if the client has read what was too much.
func (c *conn) review() (drained bool) {
	if drained = c.drained(); drained {
		c.session.Congested(false)
	}
	return drained
}

func (c *conn) drained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.backlog.review()
}

func (c *conn) lookLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backlog.later()
}

// cut is what the timer calls.
func (c *conn) cut() { c.guard("timer", c.Abort) }

func (c *conn) open() {
	m := c.mesh
	if m.filter == nil {
		c.Abort()
		return
	}
	// These names mislead: upstream is the client. They may be asked for now, and not from another goroutine later.
	info := c.callback.StreamInfo()
	p := session.Peer{}
	p.Remote, _ = info.UpstreamRemoteAddress()
	if local, ok := info.UpstreamLocalAddress(); ok {
		p.LocalHost, p.LocalPort = split(local)
		c.backlog.init(local, p.Remote)
	}
	worker := (m.opened.Add(1) - 1) % m.workers
	c.session = m.filter.NewSession(int(worker), p, c)
}

func split(addr string) (host string, port int32) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0 // a Unix socket
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return "", 0
	}
	return host, int32(n)
}

func (c *conn) gone() {
	c.mu.Lock()
	c.callback = nil
	c.backlog.end()
	if c.late != nil {
		c.late.Stop()
	}
	c.mu.Unlock()
	if c.session != nil {
		c.session.Closed()
	}
}

// guard makes a call of Envoy's. A panic there would end the process: it costs this connection instead.
func (c *conn) guard(where string, call func()) {
	defer c.mesh.recover(where, c.Abort)
	call()
}

// recover stops a panic, counts and logs it, and then does what has to be done about it.
func (m *mesh) recover(where string, then func()) {
	reason := recover()
	if reason == nil {
		return
	}
	if m.stats != nil {
		m.stats.PanicsRecovered.Add(1)
	}
	m.log.Error("panic recovered; please report it", "in", where, "panic", reason, "stack", string(debug.Stack()))
	defer m.recover(where, func() {})
	then()
}
