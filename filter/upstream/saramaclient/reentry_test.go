package saramaclient_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/dialtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// named is a listener that says it is elsewhere, as brokers in a mesh are.
type named struct {
	net.Listener

	name string
}

// Addr is what clients are told.
func (n named) Addr() net.Addr { return elsewhere(n.name) }

type elsewhere string

func (elsewhere) Network() string  { return "tcp" }
func (e elsewhere) String() string { return string(e) }

// mesh is a cluster whose brokers have names that one DNS server knows, and addresses to which only a proxy has a way.
type mesh struct {
	settings upstream.Settings
	proxy    *dialtest.Proxy
	dns      *dialtest.DNS
}

var sockets atomic.Int32

func newMesh(t *testing.T, opts ...kfake.Opt) *mesh {
	t.Helper()
	hosts, servers := map[string][]netip.Addr{}, map[netip.AddrPort]string{}
	listen := func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		n := len(hosts)
		name, at := fmt.Sprintf("broker-%d.kafka.mesh.test", n), netip.AddrFrom4([4]byte{10, 99, 0, byte(11 + n)})
		if n == 2 { // the mesh has both
			at = netip.MustParseAddr("2001:db8::13")
		}
		hosts[name], servers[netip.AddrPortFrom(at, 9092)] = []netip.Addr{at}, l.Addr().String()
		return named{l, name + ":9092"}, nil
	}
	c, s := cluster(t, append(opts, kfake.ListenFn(listen), kfake.SeedTopics(6, "apples"))...)
	for p := range int32(6) {
		if err := c.MoveTopicPartition("apples", p, p%3); err != nil {
			t.Fatal(err)
		}
	}
	m := &mesh{settings: s, dns: dialtest.ServeDNS(t, hosts)}
	socket := fmt.Sprintf("@kafkamesh-sarama-test-%d-%d", os.Getpid(), sockets.Add(1))
	m.proxy = dialtest.Listen(t, socket, func(to netip.AddrPort) (net.Conn, error) {
		return net.Dial("tcp", servers[to])
	})
	m.settings.Dial.Socket = dial.Socket{Reentry: socket, DNSServer: m.dns.Addr}
	return m
}

// Brokers that only a proxy reaches, by names that only one DNS server knows, are produced to: in plain text, with TLS and with a login
// inside, by goroutines and by a loop.
func TestProduceThroughAProxy(t *testing.T) {
	t.Parallel()
	ca, err := authority.New("ca")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Issue("broker", []string{"*.kafka.mesh.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	encrypt := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})
	trust := &dial.TLS{CA: dial.Source{Inline: string(ca.PEM)}}
	login := &dial.SASL{Mechanism: dial.SCRAM256, Username: dial.Source{Inline: "mesh"}, Password: dial.Source{Inline: "word"}}
	ask := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "mesh", "word")}
	for name, tc := range map[string]struct {
		opts []kfake.Opt
		tls  *dial.TLS
		sasl *dial.SASL
	}{
		"plain":        {},
		"TLS":          {[]kfake.Opt{encrypt}, trust, nil},
		"SASL":         {ask, nil, login},
		"TLS and SASL": {append(ask[:2:2], encrypt), trust, login},
	} {
		for _, looped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, loop %t", name, looped), func(t *testing.T) {
				t.Parallel()
				m := newMesh(t, tc.opts...)
				m.settings.Dial.TLS, m.settings.Dial.SASL = tc.tls, tc.sasl
				thread := upstream.Thread{Cork: new(cork.Cork)}
				if looped {
					l := loop.New(func(reason any, _ []byte) { t.Error(reason) })
					t.Cleanup(l.Close)
					thread = upstream.Thread{Cork: l.Cork(), Watcher: l}
				}
				pool := upstream.New(m.settings, newClient(t, m.settings), thread, statstest.New("c1").Cluster("c1"), slog.New(slog.DiscardHandler))
				t.Cleanup(func() { pool.Close(context.WithoutCancel(t.Context())) })
				m.wantProduced(t, pool)
			})
		}
	}
}

// wantProduced produces to every broker, and sees that each was reached through the proxy by its name.
func (m *mesh) wantProduced(t *testing.T, pool *upstream.Cluster) {
	t.Helper()
	var batches []*wire.Batch
	for p := range int32(6) {
		batches = append(batches, &wire.Batch{Topic: "apples", Partition: p, Records: wiretest.Batch{Records: wiretest.Records(100, 1000)}.Bytes()})
	}
	done := make(chan struct{})
	pool.Produce(new(order.Fences), batches, -1, patience, func(int32) { close(done) })
	<-done
	for _, b := range batches {
		if b.Result.Code != wire.None {
			t.Errorf("partition %d: %+v", b.Partition, b.Result)
		}
	}
	reached := map[string]bool{}
	for _, h := range m.proxy.Headers() {
		reached[h.To.String()] = true
	}
	for _, want := range []string{"10.99.0.11:9092", "10.99.0.12:9092", "[2001:db8::13]:9092"} {
		if !reached[want] {
			t.Errorf("%s was not reached through the proxy, but %v", want, reached)
		}
	}
	if asked := strings.Join(m.dns.Asked(), " "); !strings.Contains(asked, "broker-2.kafka.mesh.test") {
		t.Errorf("the DNS server was asked for %s", asked)
	}
}

// end plays a broker that takes connections and ends them in some way before it says a word.
func end(t *testing.T, how func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 4))
			how(c.(*net.TCPConn))
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return l.Addr().String()
}

// What it may mean that a broker ends a connection at once is said in words.
func TestConnectionsThatEndAtOnce(t *testing.T) {
	t.Parallel()
	reset := end(t, func(c *net.TCPConn) {
		_ = c.SetLinger(0)
		_ = c.Close()
	})
	hangUp := end(t, func(c *net.TCPConn) {
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	})
	nonsense := end(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte{0})
		_ = c.SetLinger(0)
		_ = c.Close()
	})
	socket := fmt.Sprintf("@kafkamesh-sarama-test-%d-%d", os.Getpid(), sockets.Add(1))
	dialtest.Listen(t, socket, nil)
	empty := fmt.Sprintf("@kafkamesh-sarama-test-%d-%d", os.Getpid(), sockets.Add(1))
	login := &dial.SASL{Mechanism: dial.Plain, Username: dial.Source{Inline: "a"}, Password: dial.Source{Inline: "b"}}
	for name, tc := range map[string]struct {
		addr  string
		dial  dial.Settings
		want  string
		other string // is not said
	}{
		"reset": {reset, dial.Settings{}, "the broker resets connections at once: is it behind STRICT mTLS? see docs/istio.md; " +
			"it may want TLS or SASL on this port: set security.protocol", ""},
		"reset, with a login":       {reset, dial.Settings{SASL: login}, "is it behind STRICT mTLS? see docs/istio.md; it may want TLS on this port", ""},
		"reset, with TLS":           {reset, dial.Settings{TLS: &dial.TLS{}}, "the broker hung up during the TLS handshake", "STRICT"},
		"hung up":                   {hangUp, dial.Settings{}, "the broker hung up; it may want TLS or SASL", "STRICT"},
		"reset behind an answer":    {nonsense, dial.Settings{}, "", "STRICT"},
		"through a proxy":           {reset, dial.Settings{Socket: dial.Socket{Reentry: socket}}, "the connection through " + socket + " ended before anything came: Envoy does not reach the broker", "STRICT"},
		"through a proxy, with TLS": {reset, dial.Settings{Socket: dial.Socket{Reentry: socket}, TLS: &dial.TLS{}}, "ended before anything came", "STRICT"},
		"through nobody":            {reset, dial.Settings{Socket: dial.Socket{Reentry: empty}}, "nobody listens on the socket " + empty + " of dial.proxy_protocol", "nobody listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := upstream.Settings{Name: "c1", BootstrapServers: []string{tc.addr}, ClientID: "x", Dial: tc.dial}
			_, err := newClient(t, s).Dial(t.Context(), tc.addr)
			if err == nil || !strings.Contains(err.Error(), tc.want) || tc.other != "" && strings.Contains(err.Error(), tc.other) {
				t.Errorf("%v\nwant %q", err, tc.want)
			}
		})
	}
}
