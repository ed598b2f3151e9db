package robust

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var update = flag.Bool("update", false, "capture again what the clients in .cache/clients send, into filter/wire/testdata/captured")

// TestCapture wants what every client sends to have been captured. With -update it runs them, those that are installed, with default
// settings, through a proxy that records. The clients are
// those of test/matrix, put into .cache/clients by build/install-clients.sh.
func TestCapture(t *testing.T) {
	for _, c := range captureClients() {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join("..", "..", "filter", "wire", "testdata", "captured", c.name+".txt")
			if !*update {
				if _, err := os.Stat(file); err != nil {
					t.Errorf("what the client sends is not captured, run with -update: %v", err)
				}
				return
			}
			frames := c.capture(t)
			if len(frames) == 0 {
				t.Fatal("nothing captured")
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(wiretest.Capture{Client: c.name, Frames: frames}.Format(broker.Table(broker.APIs()))), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// captureClient is a client's program as test/matrix has it.
type captureClient struct {
	name string // and version
	dir  string // in .cache/clients
	args []string
	env  []string
}

// listTopics asks for all topics, as an administrator's tool does. librdkafka from 2.1 on has bytes left over behind the body then.
const listTopics = "import sys, confluent_kafka; confluent_kafka.Producer({'bootstrap.servers': sys.argv[1]}).list_topics(timeout=10)"

func captureClients() []captureClient {
	program := func(parts ...string) string {
		return filepath.Join(append([]string{"..", "matrix", "clients"}, parts...)...)
	}
	python := "PYTHONPATH={dir}:" + program("python")
	var list []captureClient
	for _, v := range []string{"4.3.1", "3.9.2", "2.8.2", "2.1.1", "0.11.0.3"} {
		list = append(list, captureClient{"java-" + v, "java-" + v, []string{
			"java", "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", "{dir}/classes:{dir}/libs/*", "Client",
		}, nil})
	}
	list = append(list,
		captureClient{"confluent-kafka-2.16.1", "python", []string{"python3", program("confluent-kafka", "produce.py")}, []string{python}},
		captureClient{"confluent-kafka-2.16.1-list-topics", "python", []string{"python3", "-c", listTopics}, []string{python}},
		captureClient{"kafka-python-3.0.12", "kafka-python-3.0.12", []string{"python3", program("kafka-python", "produce.py")}, []string{python}},
		captureClient{"kafka-python-2.0.2", "kafka-python-2.0.2", []string{"python3", program("kafka-python", "produce.py")}, []string{python}},
		captureClient{"aiokafka-0.14.0", "aiokafka-0.14.0", []string{"python3", program("aiokafka", "produce.py")}, []string{python}},
		captureClient{"kcat-1.7.1", "kcat-1.7.1", []string{"python3", program("kcat", "produce.py")}, []string{
			python, "KCAT={dir}/usr/bin/kcat", "LD_LIBRARY_PATH={dir}/lib",
		}},
		captureClient{"kafkajs-2.2.4", "kafkajs-2.2.4", []string{"node", program("kafkajs", "produce.js")}, []string{"NODE_PATH={dir}/node_modules"}},
	)
	for name, id := range map[string]string{
		"franz-go-1.22.2": "franz-go", "sarama-1.61.1": "sarama-async", "kafka-go-0.4.51": "kafka-go",
		"raw-produce-v0": "raw-v0", "raw-produce-v1": "raw-v1", "raw-produce-v2": "raw-v2",
	} {
		list = append(list, captureClient{name, "go", []string{"{dir}/client", id}, nil})
	}
	return list
}

// command is the client, to be run with arguments that all clients of test/matrix take: the facade's address, topics, how
// many records, and a setting.
func (c captureClient) command(t *testing.T, ctx context.Context, args ...string) *exec.Cmd { //nolint:revive // t is always first
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, ".cache", "clients", c.dir)
	if _, err := os.Stat(dir); err != nil {
		stack.Check(t, &stack.MissingError{Part: c.dir, Cure: "build/install-clients.sh " + c.dir})
	}
	fill := func(list []string) (filled []string) {
		for _, s := range list {
			filled = append(filled, strings.ReplaceAll(s, "{dir}", dir))
		}
		return filled
	}
	args = append(fill(c.args), args...)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), fill(c.env)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// capture runs the client and gives its requests, of each API, version and length the first.
func (c captureClient) capture(t *testing.T) [][]byte {
	t.Helper()
	broker := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(2, "apples")}})
	in := newRecorder(t)
	mesh := meshOf(t, broker.Addr(), broker.Addr())
	listen := mesh.Addr
	in.Aim(listen)
	mesh.Addr = in.Addr()
	engine(t, &mesh, listen)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := c.command(t, ctx, in.Addr(), "apples", "3", "-/-/-").CombinedOutput(); err != nil {
		t.Logf("%v\n%s", err, out) // a client that gives up has sent something all the same
	}
	return in.frames(t)
}

// recorder is a relay that keeps what both sides send.
type recorder struct {
	*stack.Relay

	mu    sync.Mutex
	conns []*recorded
}

// recorded is one connection through a recorder.
type recorded struct{ sent, received bytes.Buffer }

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	r.Relay = stack.NewRelay(t, func(server, client io.Writer) (io.Writer, io.Writer) {
		r.mu.Lock()
		defer r.mu.Unlock()
		rec := &recorded{}
		r.conns = append(r.conns, rec)
		return io.MultiWriter(locked{&r.mu, &rec.sent}, server), io.MultiWriter(locked{&r.mu, &rec.received}, client)
	})
	return r
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// frames are the requests recorded, of each API, version and length the first.
func (r *recorder) frames(t *testing.T) (list [][]byte) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range r.conns {
		for b := c.sent.Bytes(); len(b) >= 8 && len(b) >= 4+int(binary.BigEndian.Uint32(b)); {
			n := 4 + int(binary.BigEndian.Uint32(b))
			if kind := fmt.Sprintf("% x", b[:8]); !seen[kind] {
				seen[kind] = true
				list = append(list, bytes.Clone(b[:n]))
			}
			b = b[n:]
		}
	}
	return list
}
