package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestDrainAnswersWhatIsInFlight has each Envoy end connections, in each of the ways that it has, while a request is in flight
// on one and none on the other. The request is answered before its connection ends, and both clients are told FIN. Without the
// bootstrap extension Envoy would cut them: at once when it ends, after its drain time (600 s) when a listener is updated.
func TestDrainAnswersWhatIsInFlight(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			t.Run("SIGTERM", func(t *testing.T) {
				t.Parallel()
				d := startDrain(t, version)
				signal(t, d.envoy, syscall.SIGTERM)
				d.wantGentleEnd(t)
				stack.Check(t, d.envoy.WaitEnd(t.Context()))
				if code := d.envoy.ExitCode(); code != 0 {
					t.Errorf("Envoy ended with code %d", code)
				}
			})
			t.Run("drain_listeners", func(t *testing.T) {
				t.Parallel()
				d := startDrain(t, version)
				stack.Check(t, d.envoy.Post(t.Context(), "/drain_listeners?graceful"))
				d.wantGentleEnd(t)
				stack.WantAlive(t, d.envoy.Process)
			})
			t.Run("update", func(t *testing.T) {
				t.Parallel()
				d := startDrain(t, version)
				more := d.mesh
				more.Rules = append([]stack.MeshRule{{Cluster: d.mesh.Clusters[1].Name, Prefix: "cherries"}}, d.mesh.Rules...)
				update(t, d.file, &more)
				wait(t, d.envoy, "listener_manager.listener_modified", 1)
				d.wantGentleEnd(t)
				d.wantGoesOn(t)
			})
			t.Run("removal", func(t *testing.T) {
				t.Parallel()
				d := startDrain(t, version)
				stack.Replace(t, d.file, "resources: []\n")
				wait(t, d.envoy, "listener_manager.listener_removed", 1)
				d.wantGentleEnd(t)
				stack.WantAlive(t, d.envoy.Process)
			})
		})
	}
}

// TestHotRestartLosesNothing has Envoys take over from each other while clients produce: no record fails, and all are stored
// once and in order. That goes for a client that is not idempotent too, because what an old Envoy took it answers.
func TestHotRestartLosesNothing(t *testing.T) {
	t.Parallel()
	const restarts = 3
	for i, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			apples, bananas := "apples-hot", "bananas-hot"
			c1, c2, mesh := fakes(t, apples, bananas)
			base := os.Getpid()%100_000*10 + i
			epoch := func(n int) *stack.EnvoyProcess {
				return stack.Envoy(t, stack.EnvoyOptions{
					Version: version, Mesh: &mesh, HotRestart: &stack.HotRestart{BaseID: base, Epoch: n},
					Args: []string{"--drain-time-s", "1", "--parent-shutdown-time-s", "2"},
				})
			}
			envoy := epoch(0)
			loads := []*load{
				startLoad(t, mesh.Addr, apples),
				startLoad(t, mesh.Addr, bananas, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1)),
			}
			for n := range restarts {
				next := epoch(n + 1)
				stack.Check(t, envoy.WaitEnd(t.Context()))
				envoy = next
			}
			verifyTopic(t, c1.Addr(), apples, loads[0].finish(t))
			verifyTopic(t, c2.Addr(), bananas, loads[1].finish(t))
			stack.WantAlive(t, envoy.Process)
		})
	}
}

// draining is an Envoy with two clients, one of which waits for an answer.
type draining struct {
	mesh       stack.Mesh
	file       string // the listeners
	envoy      *stack.EnvoyProcess
	answer     func() // has the cluster answer
	busy, idle *rawkafka.Client
	request    *kmsg.ProduceRequest
	id         int32
}

func startDrain(t *testing.T, version string) *draining {
	t.Helper()
	const topic = "apples-drain"
	cluster := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(1, topic)}})
	other := stack.Fake(t, stack.FakeOptions{})
	d := &draining{mesh: stack.TwoClusters(stack.Addr(t), cluster.Addr(), other.Addr()), file: filepath.Join(t.TempDir(), "listeners.yaml")}
	update(t, d.file, &d.mesh)
	d.envoy = stack.Envoy(t, stack.EnvoyOptions{Version: version, Config: stack.DynamicBootstrap(d.file)})
	wait(t, d.envoy, "listener_manager.listener_create_success", 1)

	gate, asked := make(chan struct{}), make(chan struct{}, 1)
	cluster.ControlKey(int16(wire.KeyProduce), func(kmsg.Request) (kmsg.Response, error, bool) {
		asked <- struct{}{}
		cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	d.answer = func() { close(gate) }
	d.busy, d.idle = dialRaw(t, d.mesh.Addr), dialRaw(t, d.mesh.Addr)
	d.idle.WantServed()
	d.request = rawkafka.Produce(9, 1, topic, 0, batchOf(0, -1, 0, 1))
	d.id = d.busy.Send(d.request)
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("the cluster gets no Produce request")
	}
	return d
}

func (d *draining) wantGentleEnd(t *testing.T) {
	t.Helper()
	d.idle.WantFIN()
	d.answer()
	if code := produced(t, d.busy.Receive(d.request, d.id)).ErrorCode; code != 0 {
		t.Errorf("the request in flight got error %d", code)
	}
	d.busy.WantFIN()
}

// wantGoesOn has a client connect and produce.
func (d *draining) wantGoesOn(t *testing.T) {
	t.Helper()
	conn := dialRaw(t, d.mesh.Addr)
	if code := produced(t, conn.Ask(d.request)).ErrorCode; code != 0 {
		t.Errorf("a new connection got error %d", code)
	}
}

func signal(t *testing.T, envoy *stack.EnvoyProcess, s syscall.Signal) {
	t.Helper()
	p, err := os.FindProcess(envoy.Pid())
	stack.Check(t, err)
	stack.Check(t, p.Signal(s))
}
