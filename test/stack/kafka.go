package stack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// KafkaOptions describes an Apache Kafka cluster of one node, or what the nodes of several share. The zero value works.
type KafkaOptions struct {
	Version    string            // KafkaVersion if empty
	Port       int               // a free one if 0
	Properties map[string]string // on top of, or instead of, the properties below
	// Listeners are more of them, from name to security protocol. The one that is always there is PLAINTEXT.
	Listeners map[string]string
	// Advertised are the addresses that clients of some of these are sent to, by name; the others advertise their own.
	Advertised map[string]string
	Format     []string // more arguments for formatting the storage
	JVM        []string // more arguments for Java

	node   int      // its number, 1 if 0
	voters []string // the controllers' addresses of all nodes, where it is one of several
}

// KafkaCluster is a running Apache Kafka, broker and controller in one process. Topics are created on first use.
type KafkaCluster struct {
	*Process

	addr string
	more map[string]string // the addresses of more listeners
	// controller is the address of the node's controller.
	controller string
	dir        string
	java       func(args ...string) *exec.Cmd
}

// StartKafka formats and starts a cluster and waits until it serves metadata.
func StartKafka(ctx context.Context, o KafkaOptions) (*KafkaCluster, error) {
	k, err := formatKafka(ctx, &o)
	if err != nil {
		return nil, err
	}
	if err := k.Start(ctx); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// formatKafka makes a node that can be started.
func formatKafka(ctx context.Context, o *KafkaOptions) (*KafkaCluster, error) {
	k, err := newKafka(ctx, o)
	if err != nil {
		return nil, err
	}
	format := k.java("kafka.tools.StorageTool", "format", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAAA", "--config", k.properties())
	format.Args = append(format.Args, o.Format...)
	if err := run(format); err != nil {
		k.Close()
		return nil, fmt.Errorf("format Kafka's storage: %w", err)
	}
	return k, nil
}

func newKafka(ctx context.Context, o *KafkaOptions) (*KafkaCluster, error) {
	if o.Version == "" {
		o.Version = KafkaVersion
	}
	libs, err := KafkaLibs(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("java"); err != nil {
		return nil, &MissingError{Part: "java", Cure: "install a Java runtime, 17 or newer"}
	}
	port, err := portOr(o.Port)
	if err != nil {
		return nil, err
	}
	if o.node == 0 {
		controller, err := FreePort()
		if err != nil {
			return nil, err
		}
		o.node, o.voters = 1, []string{Local(controller)}
	}
	dir, err := os.MkdirTemp("", "kafka-")
	if err != nil {
		return nil, err
	}
	k := &KafkaCluster{addr: Local(port), dir: dir, java: func(args ...string) *exec.Cmd {
		return exec.Command("java", append(append([]string{
			"-Xms64m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
			"-cp", filepath.Join(libs, "*"),
		}, o.JVM...), args...)...)
	}}
	k.controller = o.voters[o.node-1]
	if o.Properties, err = k.listen(o); err != nil {
		return nil, err
	}
	text := serverProperties(k.addr, o, filepath.Join(dir, "data"))
	return k, os.WriteFile(k.properties(), []byte(text), 0o600)
}

// Addr is where clients reach the broker.
func (k *KafkaCluster) Addr() string { return k.addr }

// Listener is the address of one of KafkaOptions.Listeners.
func (k *KafkaCluster) Listener(name string) string { return k.more[name] }

// Controller is where the controller listens, which is for brokers and not for clients.
func (k *KafkaCluster) Controller() string { return k.controller }

// Start starts the broker, on the data and the port that it had before if it was stopped or killed.
func (k *KafkaCluster) Start(ctx context.Context) error {
	p, err := startProcess("Kafka on "+k.addr, k.java("kafka.Kafka", k.properties()))
	if err != nil {
		return err
	}
	k.Process = p
	return p.wait(ctx, "an answer", func(ctx context.Context) error {
		if err := p.answers(k.addr); err != nil {
			return err // quicker than a client, which tries again for a while
		}
		return serves(ctx, k.addr)
	})
}

// Close stops the broker and removes its data.
func (k *KafkaCluster) Close() {
	if k.Process != nil {
		k.Stop()
	}
	_ = os.RemoveAll(k.dir) // in the system's directory for temporary files
}

// listen gives every listener a port, and returns the properties with them.
func (k *KafkaCluster) listen(o *KafkaOptions) (map[string]string, error) {
	if len(o.Listeners) == 0 {
		return o.Properties, nil
	}
	addresses, protocols := []string{"PLAINTEXT://" + k.addr}, []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	advertised := slices.Clone(addresses)
	k.more = map[string]string{}
	for name, protocol := range o.Listeners {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		k.more[name] = Local(port)
		addresses = append(addresses, name+"://"+k.more[name])
		advertised = append(advertised, name+"://"+cmp.Or(o.Advertised[name], k.more[name]))
		protocols = append(protocols, name+":"+protocol)
	}
	p := map[string]string{
		"listeners":                      strings.Join(addresses, ",") + ",CONTROLLER://" + o.voters[o.node-1],
		"advertised.listeners":           strings.Join(advertised, ","),
		"listener.security.protocol.map": strings.Join(protocols, ","), "inter.broker.listener.name": "PLAINTEXT",
	}
	maps.Copy(p, o.Properties)
	return p, nil
}

func (k *KafkaCluster) properties() string { return filepath.Join(k.dir, "server.properties") }

// serverProperties is a broker that starts fast and small: the log cleaner alone takes 128 MiB of heap by default.
// Retention is off, because tests write old timestamps. The session is long, because on a loaded machine the controller
// else takes the broker for dead and its partitions away; a broker that is killed can come back only when it has ended.
func serverProperties(broker string, o *KafkaOptions, data string) string {
	voters := make([]string, len(o.voters))
	for i, addr := range o.voters {
		voters[i] = fmt.Sprintf("%d@%s", i+1, addr)
	}
	p := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          strconv.Itoa(o.node),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://" + broker + ",CONTROLLER://" + o.voters[o.node-1],
		"advertised.listeners":                             "PLAINTEXT://" + broker,
		"log.dirs":                                         data,
		"log.retention.ms":                                 "-1",
		"log.cleaner.dedupe.buffer.size":                   "4194304",
		"log.cleaner.io.buffer.size":                       "65536",
		"log.index.size.max.bytes":                         "1048576",
		"broker.session.timeout.ms":                        "60000",
		"num.network.threads":                              "2",
		"num.io.threads":                                   "2",
		"auto.create.topics.enable":                        "true",
		"offsets.topic.num.partitions":                     "1",
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.num.partitions":             "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.num.partitions":     "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
	}
	maps.Copy(p, o.Properties)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, p[key])
	}
	return text.String()
}

// serves tells whether the broker at addr answers, knows itself and leads its cluster.
func serves(ctx context.Context, addr string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RetryTimeout(pollInterval))
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := rawkafka.Metadata().RequestWith(ctx, client)
	if err == nil && len(answer.Brokers) == 0 {
		err = fmt.Errorf("%s knows no broker yet", addr)
	}
	return err
}
