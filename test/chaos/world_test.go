package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	nodes      = 3 // of the first cluster
	partitions = 3 // of every topic
	outside    = "OUTSIDE"
)

// world is all the parts of a run: two clusters whose brokers are reached through proxies, a mesh in Envoy and one in a plain
// binary, a proxy before them, and the client programs.
type world struct {
	t       *testing.T
	first   *stack.KafkaBrokers // of several brokers
	second  *stack.KafkaBrokers // of one
	admin   map[string]stack.Admin
	outside map[string][]*proxy // before the brokers of each cluster
	front   *proxy              // before the hosts
	hosts   *hosts
	clients map[string]library
}

// newWorld starts everything for the length of a test.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, front: startProxy(t), outside: map[string][]*proxy{}, admin: map[string]stack.Admin{}}
	w.first = w.cluster("c1", nodes)
	w.second = w.cluster("c2", 1)
	w.hosts = startHosts(t, w.front, []stack.MeshCluster{
		{Name: "c1", Bootstrap: w.bootstrap("c1")}, {Name: "c2", Bootstrap: w.bootstrap("c2")}, stalled(t),
	})
	w.clients = map[string]library{
		"java": startProgram(t, "java"), "confluent-kafka": startProgram(t, "confluent-kafka"),
		"kafka-python": startProgram(t, "kafka-python"), "franz-go": &franz{producers: map[string]*franzProducer{}, members: map[string]*franzMember{}},
	}
	return w
}

func (w *world) cluster(name string, n int) *stack.KafkaBrokers {
	w.t.Helper()
	for range n {
		w.outside[name] = append(w.outside[name], startProxy(w.t))
	}
	o := stack.KafkaOptions{
		Listeners: map[string]string{outside: "PLAINTEXT"}, JVM: []string{"-Xmx256m", "-XX:TieredStopAtLevel=1"},
		Properties: map[string]string{
			"auto.create.topics.enable": "false", "replica.lag.time.max.ms": "6000",
			"offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "500",
		},
	}
	b := stack.Brokers(w.t, n, o, func(node int, o *stack.KafkaOptions) {
		o.Advertised = map[string]string{outside: w.outside[name][node-1].addr()}
	})
	for i, p := range w.outside[name] {
		p.aim(b.Nodes[i].Listener(outside))
	}
	client, err := b.Client()
	stack.Check(w.t, err)
	w.t.Cleanup(client.Close)
	w.admin[name] = stack.Admin{Client: client}
	return b
}

// bootstrap is where clients of a cluster begin that go through its proxies.
func (w *world) bootstrap(cluster string) string {
	addrs := make([]string, 0, nodes)
	for _, p := range w.outside[cluster] {
		addrs = append(addrs, p.addr())
	}
	return strings.Join(addrs, ",")
}

func (w *world) brokers(cluster string) *stack.KafkaBrokers {
	if cluster == "c1" {
		return w.first
	}
	return w.second
}

func splitAddrs(bootstrap string) []string { return strings.Split(bootstrap, ",") }

// hosts are the programs that the mesh runs in, behind the front proxy, which is what clients know of.
type hosts struct {
	t      *testing.T
	front  *proxy
	mesh   stack.Mesh
	addr   string // of Envoy's listener
	file   string // with Envoy's listeners
	turn   int    // of the updates
	base   int
	epoch  int
	envoy  *stack.EnvoyProcess
	plain  *stack.StandaloneProcess
	second string // the plain binary's address
	moved  bool   // clients are sent there
	limit  unix.Rlimit
}

func startHosts(t *testing.T, front *proxy, clusters []stack.MeshCluster) *hosts {
	t.Helper()
	h := &hosts{
		t: t, front: front, addr: stack.Addr(t), second: stack.Addr(t), file: filepath.Join(t.TempDir(), "listeners.yaml"),
		base: os.Getpid() % 100_000 * 10,
		mesh: stack.Mesh{Addr: front.addr(), Clusters: clusters, Limits: limits, Rules: []stack.MeshRule{
			{Cluster: "c1", Prefix: "c1-"}, {Cluster: "c2", Prefix: "c2-"}, {Cluster: "c3", Prefix: "c3-"},
		}, Groups: []stack.MeshGroups{{Cluster: "c2", Prefix: second}}},
	}
	stack.Check(t, h.update())
	var err error
	h.envoy, err = h.start(t.Context())
	stack.Check(t, err)
	t.Cleanup(func() {
		h.envoy.Close()
		if t.Failed() {
			t.Logf("log of Envoy, all of it in build/out/chaos-envoy.log: %s", tail(h.envoy.Log()))
			keep(t, "chaos-envoy.log", h.envoy.Log())
		}
	})
	text, err := h.mesh.Config()
	stack.Check(t, err)
	h.plain = stack.Standalone(t, &stack.Mesh{Addr: h.second, Text: text})
	front.aim(h.addr)
	stack.Check(t, stack.WaitDial(t.Context(), h.addr))
	return h
}

// start starts an Envoy, which takes over from the one that there may be.
func (h *hosts) start(ctx context.Context) (*stack.EnvoyProcess, error) {
	return stack.StartEnvoy(ctx, stack.EnvoyOptions{
		Config: stack.DynamicBootstrap(h.file), HotRestart: &stack.HotRestart{BaseID: h.base, Epoch: h.epoch},
		Args: []string{"--drain-time-s", "1", "--parent-shutdown-time-s", "2"},
	})
}

// update has Envoy replace its listener by one that differs in a rule.
func (h *hosts) update() error {
	h.turn++
	mesh := h.mesh
	mesh.Rules = append([]stack.MeshRule{{Cluster: "c2", Prefix: fmt.Sprintf("turn-%d-", h.turn)}}, mesh.Rules...)
	config, err := mesh.Config()
	if err != nil {
		return err
	}
	return stack.ReplaceFile(h.file, []byte(stack.Listeners(h.addr, stack.AsStruct(config))))
}

// kill kills Envoy and starts another.
func (h *hosts) kill(ctx context.Context) error {
	h.envoy.Kill()
	h.envoy.Close()
	h.base++ // nothing is left of the one that was killed
	h.epoch = 0
	var err error
	h.envoy, err = h.start(ctx)
	if err != nil {
		return err
	}
	return stack.WaitDial(ctx, h.addr)
}

// succeed has another Envoy take over from the one that there is.
func (h *hosts) succeed(ctx context.Context) error {
	old := h.envoy
	h.epoch++
	next, err := h.start(ctx)
	if err != nil {
		return err
	}
	h.envoy = next
	if err := old.WaitEnd(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, tail(old.Log()))
	}
	old.Close()
	return nil
}
