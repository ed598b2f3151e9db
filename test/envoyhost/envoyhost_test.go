package envoyhost

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	structURL = "type.googleapis.com/google.protobuf.Struct"
	patience  = time.Minute
	clientID  = "envoyhost" // in the header of what all clients send
)

// meshes is an Envoy, played, in front of two clusters: apples and bananas.
type meshes struct {
	apples, bananas *stack.FakeCluster
	mesh            stack.Mesh
	host            *stack.EnvoyHostProcess
	value           []byte // its configuration
}

// kinds are the two kinds of Envoy that are played.
func kinds(t *testing.T, test func(t *testing.T, contrib bool)) {
	t.Helper()
	for name, contrib := range map[string]bool{"contrib": true, "dynamic": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, contrib)
		})
	}
}

func start(t *testing.T, o stack.EnvoyHostOptions) *meshes {
	t.Helper()
	return startAs(t, o, func(config string) (string, []byte) {
		if o.Contrib {
			return structURL, asStruct(t, config)
		}
		return "", []byte(config)
	})
}

// startAs starts the host with its configuration in a form of its own.
func startAs(t *testing.T, o stack.EnvoyHostOptions, form func(config string) (url string, value []byte)) *meshes {
	t.Helper()
	topics := func(names ...string) stack.FakeOptions {
		return stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(3, names...)}}
	}
	m := &meshes{
		apples:  stack.Fake(t, topics("apples", "apples-counted")),
		bananas: stack.Fake(t, topics("bananas", "bananas-counted")),
	}
	m.mesh = stack.TwoClusters(stack.Addr(t), m.apples.Addr(), m.bananas.Addr())
	o.TypeURL, o.Value = form(m.config(t))
	o.Addr, o.Workers = m.mesh.Addr, max(o.Workers, 2)
	m.value, m.host = o.Value, stack.EnvoyHost(t, o)
	t.Cleanup(func() { stack.WantAlive(t, m.host.Process) })
	return m
}

func (m *meshes) config(t *testing.T) string {
	t.Helper()
	text, err := m.mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// asStruct is a google.protobuf.Struct with the content of a configuration.
func asStruct(t *testing.T, config string) []byte {
	t.Helper()
	var s structpb.Struct
	if err := protojson.Unmarshal([]byte(config), &s); err != nil {
		t.Fatal(err)
	}
	return marshal(t, &s)
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// produce sends count records to topics in turns, and has each stored once and in order.
func (m *meshes) produce(t *testing.T, count int) {
	t.Helper()
	m.produceIn(t, count, 0)
}

// produceIn takes at least a time for it.
func (m *meshes) produceIn(t *testing.T, count int, d time.Duration) {
	t.Helper()
	c := stack.Client(t, m.mesh.Addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range count {
		r := &kgo.Record{Topic: []string{"apples-counted", "bananas-counted"}[i%2], Value: []byte(strconv.Itoa(i))}
		if i%100 == 0 {
			time.Sleep(d * 100 / time.Duration(count))
		}
		c.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				t.Errorf("record %s to %s: %v", r.Value, r.Topic, err)
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	verify(t, m.apples.Addr(), "apples-counted", count/2)
	verify(t, m.bananas.Addr(), "bananas-counted", count/2)
}

func verify(t *testing.T, addr, topic string, count int) {
	t.Helper()
	c := stack.Client(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen, last := map[string]bool{}, map[int32]int{}
	for len(seen) < count {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%s: %v after %d of %d records", topic, err, len(seen), count)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n, _ := strconv.Atoi(string(r.Value))
			if before, ok := last[r.Partition]; seen[string(r.Value)] || ok && n <= before {
				t.Errorf("%s/%d: record %d after %d, seen before: %t", topic, r.Partition, n, before, seen[string(r.Value)])
			}
			seen[string(r.Value)], last[r.Partition] = true, n
		})
	}
}

func TestRecordsAreStoredOnce(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, contrib bool) {
		t.Helper()
		start(t, stack.EnvoyHostOptions{Contrib: contrib}).produce(t, 20_000)
	})
}

// TestNothingIsFreedTooEarly has Go collect garbage all the time, while clients come and go and the listener is updated: what is
// freed too early is used after it. CHURN_CONNECTIONS says with how many connections, 3,000 if it is not set.
func TestNothingIsFreedTooEarly(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, contrib bool) {
		t.Helper()
		m := start(t, stack.EnvoyHostOptions{Contrib: contrib, Workers: 3, Env: []string{"GOGC=5"}, CommitDelay: time.Millisecond})
		stop := m.keepUpdating(t)
		m.churn(t)
		t.Logf("%d updates", stop())
		m.produce(t, 1000)
	})
}

// TestBrokersHangUp has brokers end their connections all the time, while clients come and go: sockets end, and their descriptors are
// used again, in the middle of what workers do.
func TestBrokersHangUp(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, contrib bool) {
		t.Helper()
		m := start(t, stack.EnvoyHostOptions{Contrib: contrib, Workers: 3, Env: []string{"GOGC=5"}, CommitDelay: time.Millisecond})
		var calm atomic.Bool
		for _, cluster := range []*stack.FakeCluster{m.apples, m.bananas} {
			cluster.ControlKey(int16(wire.KeyProduce), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if !calm.Load() && rand.IntN(4) == 0 {
					return nil, errors.New("hang up"), true
				}
				return nil, nil, false
			})
		}
		m.churn(t)
		calm.Store(true)
		m.produce(t, 1000)
	})
}

// churn has clients come and go, eight at a time.
func (m *meshes) churn(t *testing.T) {
	t.Helper()
	const goroutines = 8
	total := stack.EnvInt(t, "CHURN_CONNECTIONS", 3000)
	began := time.Now()
	var clients sync.WaitGroup
	for seed := range goroutines {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(seed), 1))
			for range total / goroutines {
				m.disturb(t, rnd)
			}
		})
	}
	clients.Wait()
	t.Logf("%d connections in %v", total, time.Since(began).Round(time.Second))
}

// disturb is a client that ends its connection at any moment, in order or with a reset, with answers on their way.
func (m *meshes) disturb(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	if err := m.visit(rnd); err != nil {
		t.Error(err)
	}
}

func (m *meshes) visit(rnd *rand.Rand) error {
	conn, err := rawkafka.Dial(m.mesh.Addr, clientID)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := conn.Frame(rawkafka.AllTopics())
	if rnd.IntN(4) == 0 { // what is answered late, by a goroutine
		batch := wiretest.Batch{Records: wiretest.Records(1, 1+rnd.IntN(2000))}.Bytes()
		request = wiretest.ProduceFrame(9, 1, clientID, []string{"apples", "bananas"}[rnd.IntN(2)], batch)
	}
	for range rnd.IntN(5) {
		_, _ = conn.Write(request)
	}
	_, _ = conn.Write(request[:rnd.IntN(len(request))])
	if rnd.IntN(2) == 0 {
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(rnd.IntN(3)) * time.Millisecond))
		_, _ = io.CopyN(io.Discard, conn, int64(rnd.IntN(500)))
	}
	if rnd.IntN(2) == 0 {
		_ = conn.SetLinger(0)
	}
	return nil
}

// TestUpdatesLoseNothing changes the configuration while clients produce. The module ends the connections of the version before; in the
// contrib image they go on, until Envoy closes those of ten versions before.
func TestUpdatesLoseNothing(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, contrib bool) {
		t.Helper()
		m := start(t, stack.EnvoyHostOptions{Contrib: contrib})
		stop := m.keepUpdating(t)
		m.hello(t)
		m.produceIn(t, 20_000, 4*time.Second)
		if n := stop(); n < 20 {
			t.Errorf("%d updates, want 20", n)
		}
		m.hello(t)
	})
}

// keepUpdating updates the listener again and again, until stop, which says how often.
func (m *meshes) keepUpdating(t *testing.T) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	updates, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := m.host.Update(m.value); err != nil {
				t.Error(err)
				return
			}
			updates++
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() int {
		cancel()
		<-done
		return updates
	}
}

// hello opens a connection and asks for metadata. It asks once more where an update ended the first connection.
func (m *meshes) hello(t *testing.T) {
	t.Helper()
	var err error
	for range 2 {
		if err = m.ask(); err == nil {
			return
		}
	}
	t.Errorf("no answer: %v", err)
}

func (m *meshes) ask() error {
	_, err := rawkafka.Ask[*kmsg.MetadataResponse](m.mesh.Addr, clientID, 9, rawkafka.AllTopics())
	return err
}

// TestLateScheduledNeedsTheGuard holds goroutines up while they ask for their worker: on_scheduled then comes after its
// connection is freed. Without its guard the module uses what is freed, with it not.
func TestLateScheduledNeedsTheGuard(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Millisecond
	t.Run("with the guard", func(t *testing.T) {
		t.Parallel()
		m := start(t, stack.EnvoyHostOptions{CommitDelay: delay})
		m.churn(t)
		m.produce(t, 1000)
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-o", filepath.Join(dir, "libkafkamesh.so"), "../../cmd/libkafkamesh")
		build.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-O2 -DKAFKAMESH_WITHOUT_CLOSE_GUARD")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build the module without its guard: %v\n%s", err, out)
		}
		m := &meshes{apples: stack.Fake(t, stack.FakeOptions{}), bananas: stack.Fake(t, stack.FakeOptions{})}
		m.mesh = stack.TwoClusters(stack.Addr(t), m.apples.Addr(), m.bananas.Addr())
		m.host = stack.EnvoyHost(t, stack.EnvoyHostOptions{
			Addr: m.mesh.Addr, Workers: 2, Value: []byte(m.config(t)), CommitDelay: delay, ModuleDir: dir,
		})
		rnd := rand.New(rand.NewPCG(1, 1))
		for range 30_000 {
			select {
			case <-m.host.Done():
				if !strings.Contains(m.host.Log(), "heap-use-after-free") {
					t.Errorf("AddressSanitizer did not end it:\n%s", m.host.Log())
				}
				return
			default:
				m.visit(rnd)
			}
		}
		t.Error("the host lives")
	})
}
