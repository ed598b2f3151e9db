package health_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// shows is a connection on which a broker has shown certificates.
type shows struct {
	net.Conn

	leaf, chain time.Time // when they end; chain zero: nobody has verified them
}

func (s shows) ConnectionState() tls.ConnectionState {
	leaf := &x509.Certificate{NotAfter: s.leaf}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	if !s.chain.IsZero() {
		state.VerifiedChains = [][]*x509.Certificate{{leaf, {NotAfter: s.chain}}}
	}
	return state
}

// encrypted dials brokers that show certificates.
type encrypted struct {
	upstream.Client

	shown map[string]shows
}

func (e encrypted) Dial(ctx context.Context, addr string) (link.Conn, error) {
	conn, err := e.Client.Dial(ctx, addr)
	if s, ok := e.shown[addr]; ok && err == nil {
		s.Conn = conn.Conn
		conn.Conn = s
	}
	return conn, err
}

// The first certificate to end is counted down, and our own is told from the brokers'.
func TestCertificates(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		at := func(minutes int) time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute) }
		signer, err := authority.New("test")
		if err != nil {
			t.Fatal(err)
		}
		own, err := signer.Issue("mesh", nil, func(c *x509.Certificate) { c.NotAfter = at(5) })
		if err != nil {
			t.Fatal(err)
		}
		inline := func(pem []byte) dial.Source { return dial.Source{Inline: string(pem)} }
		s := upstream.Settings{Name: "c1", BootstrapServers: []string{"1:9092", "gone:1"}, ClientID: "test"}
		s.Dial.TLS = &dial.TLS{Certificate: inline(own.Certificate), Key: inline(own.Key)}
		b.Cluster = health.New(s, b.set.Cluster("c1"), b.logger(), guard.Panics{})
		client := encrypted{b.dialler, map[string]shows{
			"1:9092": {leaf: at(9)}, "2:9092": {leaf: at(8), chain: at(7)}, "3:9092": {leaf: at(20), chain: at(30)}, "moved:1": {leaf: at(2)},
		}}
		worker := b.Client(client)
		for _, addr := range []string{"1:9092", "2:9092", "3:9092"} {
			dialAndClose(t, worker, addr)
		}
		b.Watch(client)
		bubble.Advance(1500 * time.Millisecond)
		b.value("certificate_expiry_seconds", 5*60-1)
		snapshot := b.Snapshot()
		if got, want := snapshot.OwnCertificate, at(5).Add(-1500*time.Millisecond); !got.Equal(want.Truncate(time.Second)) {
			t.Errorf("our own ends at %s, want %s", got, want)
		}
		if got, want := snapshot.BrokerCertificate, at(7).Add(-1500*time.Millisecond); !got.Equal(want) {
			t.Errorf("the brokers' end at %s, want %s", got, want)
		}
		dialAndClose(t, worker, "moved:1") // nobody the cluster has named
		bubble.Advance(20 * time.Second)
		if got, want := b.Snapshot().BrokerCertificate, at(7).Add(-21500*time.Millisecond); !got.Equal(want) {
			t.Errorf("the brokers' end at %s, want %s", got, want)
		}
		bubble.Advance(6 * time.Minute)
		b.value("certificate_expiry_seconds", 0)
	})
}

func dialAndClose(t *testing.T, c upstream.Client, addr string) {
	t.Helper()
	conn, err := c.Dial(t.Context(), addr)
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}
