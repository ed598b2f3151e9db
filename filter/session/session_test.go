package session_test

import (
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a facade that a test plays: it keeps the calls, and answers one when the test says so.
type server struct {
	t       *testing.T
	mu      sync.Mutex
	calls   []*broker.Call
	serving func(c *broker.Call) // called by Serve; nil: nothing is
}

var _ session.Server = (*server)(nil)

// facade is whose APIs a server has.
var facade = broker.New(broker.APIs(), route.Tables{}, nil, wire.None, broker.Counts{})

func (*server) ParseHeader(frame []byte) (wire.Header, []byte, error) {
	return facade.ParseHeader(frame)
}

func (*server) API(key wire.APIKey) *broker.API { return facade.API(key) }

func (s *server) Serve(c *broker.Call) error {
	s.mu.Lock()
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	if s.serving != nil {
		s.serving(c)
	}
	return nil
}

// wantTaken wants these requests, by correlation id, to have been taken.
func (s *server) wantTaken(ids ...int32) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []int32
	for _, c := range s.calls {
		got = append(got, c.Header.CorrelationID)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		s.t.Errorf("requests taken (-want +got):\n%s", diff)
	}
}

// answer answers the request that was taken as the nth, from 0.
func (s *server) answer(n int) {
	s.mu.Lock()
	c := s.calls[n]
	s.mu.Unlock()
	c.Answer(answer(c.Header.CorrelationID))
}

func answer(id int32) broker.Answer {
	return broker.Answer{Frame: binary.BigEndian.AppendUint32([]byte{0, 0, 0, 4}, uint32(id))}
}

// newCommon returns what sessions have in common, for a test of one configuration.
func newCommon(t *testing.T, panicked func(reason any, where string, about ...any)) *session.Common {
	t.Helper()
	common := session.NewCommon(session.Options{
		Limits: session.Limits{
			MaxRequestBytes: 1 << 20, MaxConnectionRequests: 100, MaxConnectionBytes: 1 << 20, MaxWorkerBytes: 1 << 24,
			PartialRequestTimeout: time.Minute, ConnectionsMaxIdle: time.Minute,
		},
		Stats: &stats.Set{}, Log: slog.New(slog.DiscardHandler), Panicked: panicked,
	})
	t.Cleanup(common.Close)
	return common
}

// play returns a session before a server.
func play(t *testing.T, s *server, c session.Conn) *session.Session {
	t.Helper()
	s.t = t
	common := newCommon(t, func(reason any, _ string, _ ...any) { t.Errorf("panic: %v", reason) })
	return common.NewWorker(s, new(cork.Cork)).NewSession(session.Peer{}, c)
}

func request(id int32) []byte {
	return wiretest.Frame(wire.KeyApiVersions, 0, id, "x", kmsg.NewPtrApiVersionsRequest())
}
