package guide

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// world is what documents take for granted: clusters, and what people have on their machines.
type world struct {
	path     string // a folder with programs
	clusters []*stack.FakeCluster
	started  func() error        // starts what follows
	kafka    *stack.KafkaCluster // nil while no document needs it
	way      net.Listener        // to it, from where its name leads
}

// Started once, and ended by TestMain.
var (
	current world
	built   = sync.OnceValue(func() error { return current.build(os.Getenv(mark)) })
)

// inWorld leaves the test out where there is no namespace, and starts the clusters that the documents name.
func inWorld(t *testing.T) *world {
	t.Helper()
	alone(t)
	stack.Check(t, built())
	return &current
}

func stopWorld() error {
	for _, c := range current.clusters {
		c.Close()
	}
	if current.kafka != nil {
		current.kafka.Close()
		_ = current.way.Close()
	}
	close(network)
	return nil
}

const (
	userName = "kafkamesh"
	password = "a-password-of-tests"
)

func (w *world) build(dir string) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	for _, name := range []string{"orders-kafka-1", "kafka-1", "kafka-c3"} {
		if err := w.cluster(name + ":9092"); err != nil {
			return err
		}
	}
	w.started = sync.OnceValue(w.startSecure)
	w.path = filepath.Join(dir, "programs")
	return w.programs(filepath.Join(root, ".cache"))
}

// cluster starts one that listens at an address, which it tells its clients, and not at the one that embedded clusters share.
func (w *world) cluster(addr string, more ...kfake.Opt) error {
	c, err := stack.StartFake(stack.FakeOptions{More: append(more, kfake.ListenFn(func(string, string) (l net.Listener, err error) {
		err = network.do(func() error {
			l, err = net.Listen("tcp", addr)
			return err
		})
		return named{l, address(addr)}, err
	}))})
	if err == nil {
		w.clusters = append(w.clusters, c)
	}
	return err
}

// named is a listener that calls itself by a name.
type named struct {
	net.Listener

	name address
}

func (n named) Addr() net.Addr { return n.name }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// secure starts an Apache Kafka with TLS and SCRAM, for a document that names it. Its authority and password are in /etc/kafka.
func (w *world) secure(t *testing.T) {
	t.Helper()
	stack.Check(t, w.started())
}

const secureAddr = "secure-kafka-1:9093"

func (w *world) startSecure() error {
	ca, err := authority.New("Kafka CA")
	if err != nil {
		return err
	}
	leaf, err := ca.Issue("broker", []string{"secure-kafka-1", "secure-kafka-2"}, nil)
	if err != nil {
		return err
	}
	const dir = "/etc/kafka"
	store := filepath.Join(dir, "broker.pem")
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM, 0o644),
		os.WriteFile(filepath.Join(dir, "password"), []byte(password+"\n"), 0o600),
		os.WriteFile(store, slices.Concat(leaf.Key, leaf.Certificate, ca.PEM), 0o600),
	)
	if err != nil {
		return err
	}
	w.kafka, err = stack.StartKafka(context.Background(), stack.KafkaOptions{
		Listeners:  map[string]string{"SECURE": "SASL_SSL"},
		Advertised: map[string]string{"SECURE": secureAddr},
		Format:     []string{"--add-scram", "SCRAM-SHA-512=[name=" + userName + ",password=" + password + "]"},
		Properties: map[string]string{
			"ssl.keystore.type": "PEM", "ssl.keystore.location": store, "sasl.enabled.mechanisms": "SCRAM-SHA-512",
			"listener.name.secure.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		},
	})
	if err != nil {
		return err
	}
	return network.do(func() (err error) {
		w.way, err = net.Listen("tcp", secureAddr)
		go carry(w.way, w.kafka.Listener("SECURE"))
		return err
	})
}

// carry takes what is sent to a listener to an address, and back, until the listener is closed.
func carry(l net.Listener, addr string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", addr)
		if err != nil {
			_ = from.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
			}()
		}
	}
}

// programs makes a folder with what the documents call by name.
func (w *world) programs(cache string) error {
	clients := filepath.Join(cache, "clients")
	kcat := filepath.Join(clients, "kcat-1.7.1")
	java := "exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '" +
		filepath.Join(clients, "tools-4.3.1", "libs", "*") + "' "
	scripts := map[string]string{
		"sudo":                      `exec "$@"`,
		"envoy":                     "exec " + filepath.Join(cache, "envoy", stack.EnvoyVersion, "envoy", "_bin", "envoy") + ` "$@"`,
		"kcat":                      "export LD_LIBRARY_PATH=" + filepath.Join(kcat, "lib") + "\nexec " + filepath.Join(kcat, "usr/bin/kcat") + ` "$@"`,
		"kafka-console-producer.sh": java + `org.apache.kafka.tools.ConsoleProducer "$@"`,
		"kafka-console-consumer.sh": java + `org.apache.kafka.tools.consumer.ConsoleConsumer "$@"`,
		"docker":                    docker,
		"prometheus":                "exec " + filepath.Join(cache, "prometheus", "prometheus") + ` --storage.tsdb.path="$(mktemp -d)" "$@"`,
		"promtool":                  "exec " + filepath.Join(cache, "prometheus", "promtool") + ` "$@"`,
		"kafka-topics.sh":           java + `org.apache.kafka.tools.TopicCommand "$@"`,
	}
	if err := os.MkdirAll(w.path, 0o755); err != nil {
		return err
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(w.path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// docker stands in for Docker Compose: it starts the Envoy of the project with its configuration, and runs what is to be run in
// a container here. The images and what else is in the project are not looked at.
const docker = `
[ "$1" = compose ] && [ -e compose.yaml ] || { echo "no stand-in for docker $*" >&2; exit 1; }
case $2 in
up) ENVOY_DYNAMIC_MODULES_SEARCH_PATH=$PWD/../../build/out exec envoy -c envoy.yaml ;;
exec) ;;
*) echo "no stand-in for docker $*" >&2; exit 1 ;;
esac
while [ "${1#/opt/kafka/bin/}" = "$1" ]; do shift; done
program=${1#/opt/kafka/bin/}
shift
exec "$program" "$@"`

// environment is that of whoever follows a document.
func (w *world) environment() []string {
	var list []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, mark+"=") {
			list = append(list, v)
		}
	}
	return append(list, fmt.Sprintf("PATH=%s%c/usr/local/bin%c%s", w.path, os.PathListSeparator, os.PathListSeparator, os.Getenv("PATH")))
}

// top is a file of the repository.
func top(t *testing.T, file string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, file)
}
