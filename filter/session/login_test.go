package session_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// doorkeeper has one mechanism, whose tokens are who clients are, or "no". They are looked at when the test says so, if it wants to.
type doorkeeper struct {
	hold  bool
	steps []func()
}

func (*doorkeeper) Names(*broker.Client) []string { return []string{"ONE"} }

func (*doorkeeper) WhyNot(*broker.Client, string) string { return "there is one" }

//nolint:ireturn // the facade asks for it
func (d *doorkeeper) Begin(*broker.Client, string) broker.Exchange { return d }

func (d *doorkeeper) Step(token []byte, _ func(func()) func(), done func(broker.Stepped)) {
	step := func() {
		switch who := strings.TrimSpace(string(token)); who {
		case "", "no":
			done(broker.Stepped{Failure: &broker.LoginFailure{Message: "no", Reason: "no", Said: "no", Delay: time.Second}})
		case "more":
			done(broker.Stepped{Answer: []byte("go on")})
		default:
			done(broker.Stepped{Who: &broker.Identity{Principal: who}})
		}
	}
	if d.hold {
		d.steps = append(d.steps, step)
		return
	}
	step()
}

// guarded is a facade that takes note of what it serves to whom.
type guarded struct {
	*broker.Broker

	t      testing.TB
	mu     sync.Mutex
	served []wire.APIKey
}

func (g *guarded) Serve(c *broker.Call) error {
	before := c.Client.Principal()
	err := g.Broker.Serve(c)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.served = append(g.served, c.Header.Key)
		if key := c.Header.Key; before == authorizer.Anonymous && key != wire.KeyApiVersions && key != wire.KeySaslHandshake && key != wire.KeySaslAuthenticate {
			g.t.Errorf("%s is served to nobody", key)
		}
	}
	return err
}

// count is how many requests were served, for a test that is not the only one to bring them.
func (g *guarded) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.served)
}

// behindDoor is a session of a client that has to log in.
func behindDoor(tb testing.TB, d *doorkeeper, c session.Conn, quotas ...quota.Rule) (*session.Session, *guarded) {
	tb.Helper()
	common := session.NewCommon(session.Options{
		Limits: session.Limits{
			MaxRequestBytes: 1 << 20, MaxConnectionRequests: 100, MaxConnectionBytes: 1 << 20, MaxWorkerBytes: 1 << 24,
			PartialRequestTimeout: time.Minute, ConnectionsMaxIdle: time.Hour,
		},
		Logins: &broker.Logins{Mechanisms: d}, Quotas: quota.New(quotas, time.Now()),
		Stats: &stats.Set{}, Log: slog.New(slog.DiscardHandler),
		Panicked: func(reason any, _ string, _ ...any) { tb.Errorf("panic: %v", reason) },
	})
	tb.Cleanup(common.Close)
	facade := &guarded{Broker: broker.New(broker.Served(true), route.Tables{}, nil, wire.TopicAuthorizationFailed, broker.Counts{}), t: tb}
	return common.NewWorker(facade, new(cork.Cork)).NewSession(session.Peer{}, c), facade
}

func loginHandshake(version int16) []byte {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = "ONE"
	return wiretest.Frame(wire.KeySaslHandshake, version, 1, "x", r)
}

func loginToken(text string) []byte {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(text)
	return wiretest.Frame(wire.KeySaslAuthenticate, 2, 2, "x", r)
}

func bareToken(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// What comes behind a token, however long, is kept until that has been looked at.
func TestTokenIsABarrier(t *testing.T) {
	t.Parallel()
	long := kmsg.NewPtrApiVersionsRequest()
	long.ClientSoftwareName, long.ClientSoftwareVersion = string(bytes.Repeat([]byte("a"), 20000)), "1"
	for name, sent := range map[string][]byte{
		"with a header": slices.Concat(loginHandshake(1), loginToken("ann"), request(3), wiretest.Frame(wire.KeyApiVersions, 3, 4, "x", long)),
		"bare":          slices.Concat(loginHandshake(0), bareToken("ann"), request(3), wiretest.Frame(wire.KeyApiVersions, 3, 4, "x", long)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &doorkeeper{hold: true}
			s, facade := behindDoor(t, d, &sink{})
			defer s.Closed()
			s.Data(sent)
			if got := len(facade.served); got != 2 {
				t.Errorf("%v are served before the token is looked at", facade.served)
			}
			d.steps[0]()
			if got := len(facade.served); got != 4 {
				t.Errorf("%v are served", facade.served)
			}
		})
	}
}

// A frame before a login is short, and one after it may be long.
func TestFramesBeforeALoginAreShort(t *testing.T) {
	t.Parallel()
	long := binary.BigEndian.AppendUint32(nil, wire.MaxToken+1)
	for name, tt := range map[string]struct {
		sent   []byte
		closed bool
	}{
		"at first":       {long, true},
		"in a handshake": {slices.Concat(loginHandshake(1), long), true},
		"before a token": {slices.Concat(loginHandshake(0), long), true},
		"after it":       {slices.Concat(loginHandshake(0), bareToken("ann"), long), false},
	} {
		conn := &sink{}
		s, _ := behindDoor(t, &doorkeeper{}, conn)
		if s.Data(tt.sent); conn.closed != tt.closed {
			t.Errorf("%s: closed %t, want %t", name, conn.closed, tt.closed)
		}
		s.Closed()
	}
}

// A client that waits for the answer to a wrong token holds its place and no more, and is forgotten as soon as it goes.
func TestClientThatIsRefusedHoldsLittle(t *testing.T) {
	t.Parallel()
	long := "no" + strings.Repeat(" ", 60_000)
	for name, sent := range map[string][]byte{
		"with a header": slices.Concat(loginHandshake(1), loginToken(long)),
		"bare":          slices.Concat(loginHandshake(0), bareToken(long)),
	} {
		synctest.Test(t, func(t *testing.T) {
			conn := &sink{}
			s, _ := behindDoor(t, &doorkeeper{}, conn)
			s.Data(sent)
			if held := session.HeldByWorker(s); held > 2<<10 || session.InFlight(s) != 1 {
				t.Errorf("%s: %d bytes are held for %d requests while the client waits", name, held, session.InFlight(s))
			}
			written := conn.written
			s.Closed()
			if held := session.HeldByWorker(s); held != 0 || session.InFlight(s) != 0 {
				t.Errorf("%s: %d bytes are held for %d requests of a client that is gone", name, held, session.InFlight(s))
			}
			bubble.Advance(2 * time.Second)
			if conn.written != written {
				t.Errorf("%s: %d bytes are written to nobody", name, conn.written-written)
			}
		})
	}
}

// While a token is looked at, it is held without what it came in, and a client that goes meanwhile waits for nothing.
func TestClientGoesWhileItsTokenIsLookedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &doorkeeper{hold: true}
		s, _ := behindDoor(t, d, &sink{})
		long := "no" + strings.Repeat(" ", 60_000)
		s.Data(slices.Concat(loginHandshake(1), loginToken(long)))
		if held := session.HeldByWorker(s); held > int64(len(long))+2<<10 {
			t.Errorf("%d bytes are held for a token of %d", held, len(long))
		}
		s.Closed()
		d.steps[0]()
		if held := session.HeldByWorker(s); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// FuzzLogin sends whatever it likes, in pieces: nothing is served to whom nobody has looked at.
func FuzzLogin(f *testing.F) {
	f.Add(slices.Concat(request(0), loginHandshake(1), loginToken("more"), loginToken("ann"), request(5)), uint8(7))
	f.Add(slices.Concat(loginHandshake(0), bareToken("more"), bareToken("ann"), request(5)), uint8(1))
	f.Add(slices.Concat(loginHandshake(1), loginToken("no"), request(5)), uint8(200))
	f.Add(slices.Concat(loginHandshake(1), loginHandshake(1)), uint8(200))
	f.Add(bareToken("\x00ann\x00secret"), uint8(3))
	f.Fuzz(func(t *testing.T, sent []byte, size uint8) {
		conn := &sink{}
		s, _ := behindDoor(t, &doorkeeper{}, conn)
		for piece := range slices.Chunk(sent, int(size)+1) {
			s.Data(piece)
		}
		s.End()
		s.Closed()
	})
}
