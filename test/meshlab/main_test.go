//go:build onrequest

package meshlab_test

import (
	"os"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/meshlab"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// lab is a mesh with two brokers, each a cluster of its own, and who they are.
type lab struct {
	network *meshlab.Network
	mesh    *meshlab.Mesh
	kafka   [2]*cluster
	broker  *meshlab.Identity
}

// The pods' addresses.
const (
	firstBroker, secondBroker = "10.99.0.11", "10.99.0.12"
	ordersPod, gatewayPod     = "10.99.0.21", "10.99.0.31"
)

// newLab makes the mesh and starts Kafka, without sidecars yet.
func newLab(t *testing.T) *lab {
	t.Helper()
	nft, err := stack.NFT(t.Context())
	stack.Check(t, err)
	network, err := meshlab.NewNetwork(nft)
	stack.Check(t, err)
	t.Cleanup(network.Close)
	mesh, err := meshlab.NewMesh()
	stack.Check(t, err)
	l := &lab{network: network, mesh: mesh}
	l.broker = l.identity(t, "kafka", "kafka", meshlab.Life)
	for i, ip := range []string{firstBroker, secondBroker} {
		l.kafka[i] = startKafka(t, l.pod(t, "kafka-"+string(rune('0'+i)), ip, true))
	}
	return l
}

// pod adds a pod.
func (l *lab) pod(t *testing.T, name, ip string, sidecar bool) *meshlab.Pod {
	t.Helper()
	p, err := l.network.Add(name, ip, sidecar)
	stack.Check(t, err)
	return p
}

// identity issues the certificates of a service account.
func (l *lab) identity(t *testing.T, namespace, account string, life time.Duration) *meshlab.Identity {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "identity-") // the test's own folder is closed to other users
	stack.Check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	stack.Check(t, os.Chmod(dir, 0o755))
	i, err := l.mesh.Identity(dir, namespace, account, life)
	stack.Check(t, err)
	return i
}

// pods are those of the brokers.
func (l *lab) pods() (pods []*meshlab.Pod) {
	for _, k := range l.kafka {
		pods = append(pods, k.pod)
	}
	return pods
}

// start starts an Envoy until the test ends.
func (l *lab) start(t *testing.T, s meshlab.Sidecar) *meshlab.Envoy {
	t.Helper()
	s.Brokers = l.pods()
	e, err := s.Start(t.Context())
	stack.Check(t, err)
	t.Cleanup(func() {
		e.Close()
		if t.Failed() {
			t.Logf("%s of %s:\n%s", s.Template, s.Pod.Name, e.Log())
		}
	})
	return e
}

// brokers starts the brokers' sidecars.
func (l *lab) brokers(t *testing.T, permissive bool) (sidecars []*meshlab.Envoy) {
	t.Helper()
	for _, pod := range l.pods() {
		sidecars = append(sidecars, l.start(t, meshlab.Sidecar{
			Template: "broker", Identity: l.broker, Pod: pod, Permissive: permissive, User: sidecarUser,
		}))
	}
	return sidecars
}

// sidecarUser is Istio's.
const sidecarUser = 1337
