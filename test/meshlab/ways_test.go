//go:build onrequest

package meshlab_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/meshlab"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// meshOf is a configuration of Kafka mesh in front of both clusters, each with more.
func meshOf(more string) string {
	return fmt.Sprintf(`{upstream_clusters: [{cluster_name: c1, bootstrap_servers: "%s:9092"%s}, {cluster_name: c2, bootstrap_servers: "%s:9092"%s}], `+
		`forwarding_rules: [{target_cluster: c1, topic_prefix: apples}, {target_cluster: c2, topic_prefix: bananas}]}`,
		firstBroker, more, secondBroker, more)
}

const reentry = `, dial: {proxy_protocol: {socket: "@kafka-mesh-egress"}}`

// ways are how Kafka mesh can be deployed in a mesh.
func (l *lab) ways(identity *meshlab.Identity) []way {
	files := fmt.Sprintf(`, tls: {certificate: {filename: %[1]s/cert-chain.pem}, key: {filename: %[1]s/key.pem}, ca: {filename: %[1]s/root-cert.pem}, `+
		`alpn: [istio], spiffe_ids: ["spiffe://cluster.local/ns/kafka/sa/kafka"]}`, identity.Dir)
	return []way{
		{name: "W1, an Envoy of its own beside the sidecar", own: true, mesh: meshOf(""), sidecar: meshlab.Sidecar{Headless: true}},
		{name: "W2, back into the sidecar", mesh: meshOf(reentry), sidecar: meshlab.Sidecar{Headless: true, Egress: "mesh"}},
		{name: "W2b, through a cluster of its own, as on a gateway", gateway: true, mesh: meshOf(reentry), sidecar: meshlab.Sidecar{Egress: "cluster"}},
		{name: "W3, with the workload's certificate", mesh: meshOf(files), sidecar: meshlab.Sidecar{Headless: true}},
	}
}

type way struct {
	name, mesh string
	sidecar    meshlab.Sidecar
	own        bool // an Envoy that is not the sidecar has the mesh
	gateway    bool // no packets are redirected
}

// start starts the Envoys of a way in the pod.
func (w way) start(t *testing.T, l *lab, pod *meshlab.Pod, identity *meshlab.Identity) *meshlab.Envoy {
	t.Helper()
	s := w.sidecar
	s.Template, s.Identity, s.Pod, s.User = "sidecar", identity, pod, sidecarUser
	if !w.own {
		s.Mesh = w.mesh
		return l.start(t, s)
	}
	l.start(t, s)
	return l.start(t, meshlab.Sidecar{Template: "own", Pod: pod, Mesh: w.mesh, User: ownUser, AdminPort: 15100})
}

// ownUser is who an Envoy of ours runs as in its container, and AdminPort where it is looked after.
const ownUser = 101

// TestDirect shows the problem: connections of a filter are the sidecar's own, which go past it, and are reset.
func TestDirect(t *testing.T) {
	l := newLab(t)
	orders, identity := l.pod(t, "orders", ordersPod, true), l.identity(t, "orders", "orders", meshlab.Life)
	l.brokers(t, false)
	sidecar := way{mesh: meshOf(""), sidecar: meshlab.Sidecar{Headless: true}}.start(t, l, orders, identity)
	err := send(t.Context(), producer(t, orders, "127.0.0.1:19092"), 10, "apples")
	t.Logf("the producer: %v", err)
	if err == nil {
		t.Error("the records were delivered, want an error")
	}
	if said := sidecar.Log(); !strings.Contains(said, "is it behind STRICT mTLS? see docs/istio.md") {
		t.Errorf("the mesh says\n%s\nwant a word of STRICT mTLS", said)
	}
}

// TestWays has each way deliver to both clusters, under the name of the workload.
func TestWays(t *testing.T) {
	l := newLab(t)
	orders, gateway := l.pod(t, "orders", ordersPod, true), l.pod(t, "gateway", gatewayPod, false)
	identity := l.identity(t, "orders", "orders", meshlab.Life)
	for i, w := range l.ways(identity) {
		t.Run(w.name, func(t *testing.T) {
			brokers := l.brokers(t, false)
			pod := orders
			if w.gateway {
				pod = gateway
			}
			w.start(t, l, pod, identity)
			const n = 100
			apples, bananas := fmt.Sprintf("apples-%d", i), fmt.Sprintf("bananas-%d", i)
			stack.Check(t, send(t.Context(), producer(t, pod, "127.0.0.1:19092"), n, apples, bananas))
			for k, topic := range []string{apples, bananas} {
				if found := l.kafka[k].count(t, topic, n); len(found) != n {
					t.Errorf("%s has %d records, want %d", topic, len(found), n)
				}
			}
			for _, b := range brokers {
				b.Close() // it logs connections when they end
				if said := b.Log(); !strings.Contains(said, "mtls from "+identity.ID) {
					t.Errorf("the broker's sidecar says\n%s\nwant connections from %s", said, identity.ID)
				}
			}
		})
	}
}

// firstLife is how long the certificate lasts that is replaced under load.
const firstLife = 12 * time.Second

// TestRotation replaces the workload's certificate under load, one file after another, as pilot-agent does. When the first one is over,
// the brokers' sidecars are started anew, and with them all connections: no record fails, and each is there once.
func TestRotation(t *testing.T) {
	l := newLab(t)
	orders, gateway := l.pod(t, "orders", ordersPod, true), l.pod(t, "gateway", gatewayPod, false)
	for i := range l.ways(l.broker) {
		identity := l.identity(t, "orders", "orders", firstLife)
		w, first := l.ways(identity)[i], identity.End
		t.Run(w.name, func(t *testing.T) {
			brokers := l.brokers(t, false)
			pod := orders
			if w.gateway {
				pod = gateway
			}
			w.start(t, l, pod, identity)
			topic := fmt.Sprintf("apples-rotated-%d", i)
			load := newLoad(t, producer(t, pod, "127.0.0.1:19092"), topic)
			load.more(t, 100)
			for _, step := range identity.Rotation(meshlab.Life) {
				stack.Check(t, step())
				load.more(t, 50)
			}
			time.Sleep(time.Until(first) + time.Second) // the certificate's end is a time of day
			for _, b := range brokers {
				b.Close()
			}
			l.brokers(t, false)
			load.more(t, 200)
			n := load.end(t)
			if found := l.kafka[0].count(t, topic, n); len(found) != n {
				t.Errorf("%d records are there, want %d", len(found), n)
			}
			t.Logf("%d records, of which the last 200 after the first certificate's end", n)
		})
	}
}
