package admin

import (
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// fake is a mesh as tests want it.
type fake struct {
	mesh status.Mesh
	set  *stats.Set
}

var _ Source = (*fake)(nil)

func (f *fake) Status() status.Mesh {
	m := f.mesh
	m.Clients = status.Clients{}
	return m
}

func (f *fake) Clients() status.Clients { return f.mesh.Clients }

func (f *fake) Read() []stats.Sample { return f.set.Read() }

// noon is when the tests' moments are.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newFake is a mesh with three clusters, one of which cannot be reached, and with clients of all kinds.
func newFake() *fake {
	f := &fake{set: stats.New(stats.NewTable(stats.Scope{
		Clusters: []string{"kafka_c1", "kafka_c2", "kafka:c3"}, Rules: []string{"apples", "bananas", ""},
		Mechanisms: []string{"PLAIN", "SCRAM-SHA-512"}, LoginFailures: []string{"unknown_user", "wrong_password"}, ListensTLS: true,
	}))}
	f.mesh = status.Mesh{
		Name: "orders", Listener: "0.0.0.0:9092", Advertised: "kafka.example.com:9092", Since: noon.Add(-26 * time.Hour), Readiness: status.ReadinessAll,
		Clusters: []status.Cluster{
			{
				Name: "kafka_c1", BootstrapServers: []string{"c1-a:9092", "c1-b:9092"}, Security: "SASL_SSL SCRAM-SHA-512", State: status.Reachable,
				Since: noon.Add(-26 * time.Hour), LastError: "connect to c1-b:9092: connection refused", LastErrorAt: noon.Add(-3 * time.Hour),
				MetadataAt: noon.Add(-40 * time.Second), CertificateExpiry: noon.Add(5 * 24 * time.Hour), Topics: 12, Partitions: 96, Leaderless: 0,
				Brokers: []status.Broker{
					{Node: 1, Address: "c1-a:9092", Link: status.Connected, Leads: 48, Connections: 4, InFlight: 3, Queued: 2, QueuedBytes: 42_000},
					{Node: 2, Address: "c1-b:9092", Link: status.Connected, Leads: 48, Connections: 4, InFlight: 1},
				},
			},
			{
				Name: "kafka_c2", BootstrapServers: []string{"c2-a.kafka.internal.example.com:9092"}, State: status.Unreachable, Since: noon.Add(-192 * time.Second),
				LastError:   "connect to c2-a.kafka.internal.example.com:9092: nobody listens there",
				LastErrorAt: noon.Add(-2 * time.Second), MetadataAt: noon.Add(-5 * time.Minute), Topics: 3, Partitions: 6,
				Brokers: []status.Broker{{Node: 1, Address: "c2-a.kafka.internal.example.com:9092", Link: status.Down, Leads: 6}},
			},
			{Name: "kafka:c3", BootstrapServers: []string{"c3:9092"}, State: status.Reachable, Since: noon.Add(-26 * time.Hour), MetadataAt: noon.Add(-time.Minute), Brokers: []status.Broker{{Node: 0, Address: "c3:9092", Link: status.Resting}}},
		},
		Rules:      []status.Rule{{Prefix: "apples", Cluster: "kafka_c1"}, {Prefix: "bananas", Cluster: "kafka_c2"}, {Cluster: "kafka:c3"}},
		GroupRules: []status.GroupRule{{Prefix: "billing.", Cluster: "kafka_c2"}}, GroupHome: "kafka_c1",
		Clients: status.Clients{
			Connected: 42, Total: 1312,
			Software: []status.Software{{Name: "apache-kafka-java", Connected: 30, Total: 1200}, {Name: "librdkafka", Connected: 10, Total: 100}, {Name: "unnamed", Connected: 2, Total: 12}},
			Logins:   []status.Login{{Mechanism: "SCRAM-SHA-512", Succeeded: 1200, Renewed: 17, Failed: 3}, {Mechanism: "other", Failed: 1}},
			Busiest: []status.Client{
				{Address: "10.0.3.17:51123", ID: "checkout-producer-1", Software: "apache-kafka-java 3.9.0", Since: noon.Add(-time.Hour), Requests: 123_456, Bytes: 3 << 30, BytesPerSecond: 1.2e6},
				{Address: "10.0.3.18:40000", ID: "rdkafka", Software: "librdkafka 2.8.0", Since: noon.Add(-time.Minute), Requests: 12, Bytes: 3 << 20, BytesPerSecond: 1.2e3},
			},
			Groups: []status.Group{
				{
					ID: "billing.invoices", Protocol: status.Classic, Home: "kafka_c2", Members: 2, Rebalances: 14, Commits: []string{"kafka_c1"}, Refused: 27,
					LastRefused: status.RefusedCommit{
						Time: noon.Add(-20 * time.Second), Cluster: "kafka_c2", Code: "COORDINATOR_NOT_AVAILABLE", Client: "10.0.4.7:40001", ClientID: "invoices-2",
					},
				},
				{ID: "shipping", Protocol: status.Consumer, Home: "kafka_c1", Coordinator: "c1-a:9092", Members: 5, Rebalances: 1, Commits: []string{"kafka_c1", "kafka_c2"}},
			},
			MoreGroups:    12,
			Throttled:     []status.Throttled{{Rule: "batch", Principal: "nightly-export", Limits: []string{"produce", "requests"}, Since: noon.Add(-4 * time.Minute), Share: 0.83, WaitMillis: 1200}},
			MoreThrottled: 3,
			Unmatched:     []status.Unmatched{{Topic: "dates-java", Client: "10.0.3.19:41111", ClientID: "dates-app", Software: "apache-kafka-java 3.9.0", Times: 77, Last: noon.Add(-12 * time.Second)}},
			Closings:      []status.Closing{{Time: noon.Add(-time.Minute), Client: "10.0.9.9:5555", Kind: "http_request", Reason: "http_request: the client speaks HTTP, not Kafka"}},
			Refusals:      []status.Refusal{{Kind: "consumers", Client: "10.0.3.20:40404", ClientID: "console-consumer", Software: "apache-kafka-java 4.1.0", Times: 3, Last: noon.Add(-90 * time.Second)}},
		},
	}
	return f
}

// traffic counts what a moment brings.
func (f *fake) traffic(i int) {
	c1, rule := f.set.Cluster("kafka_c1"), f.set.Rule("apples")
	n := int64(40 + 30*(i%7) + i)
	c1.Batches.Add(n)
	c1.Bytes.Add(n * 16_000)
	c1.Records.Add(n * 100)
	rule.Batches.Add(n)
	rule.Bytes.Add(n * 16_000)
	for range n {
		c1.TimeTotal.Record(1500 + 200*int64(i%5))
	}
	for range 2 + n/50 {
		c1.TimeTotal.Record(9000 + 1000*int64(i%9))
	}
	f.set.Login("PLAIN").Failed("wrong_password").Add(1)
	f.set.TLSFailed(stats.TLSPlaintext).Add(int64(i % 2))
	f.set.Cluster("kafka_c2").Failed.Add(3)
	f.set.Cluster("kafka_c2").Error(6).Add(3)
}

// newMoment is a fake mesh's after ten minutes of traffic.
func newMoment(f *fake) moment {
	b := NewBoard("kafkamesh serve", slog.New(slog.DiscardHandler))
	b.process = status.Process{Version: "v1.2.3", Commit: "0123456789abcdef", Go: "go1.26.0", Host: "kafkamesh serve", Started: noon.Add(-26 * time.Hour)}
	m := &member{source: f}
	for i := range points + 1 {
		f.traffic(i)
		m.look(noon.Add(time.Duration(i-points) * interval))
	}
	b.members = []*member{m}
	return b.gather(noon)
}
