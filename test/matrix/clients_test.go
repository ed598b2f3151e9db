package matrix

import (
	"os"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
)

// client is a producer of the matrix. The zero value of what it cannot do is that it can.
type client struct {
	name, version string
	driver.Program

	asks   *driver.Program // what does all that clients do besides producing, if there is such a program
	cannot []string        // the questions that it has no call for
	bare   bool            // whether it tells of a topic's partitions, and not of its error

	codecs     []string // those it has beside none
	idempotent bool     // whether it can be, if it is asked to
	ours       wont     // what its records lack
	defaults   stored   // what it does if it is asked for nothing
	mayShrink  bool     // whether it sends a batch as it is if the codec does not make it smaller
	perTopic   bool     // whether each topic has a producer of its own
	messageSet bool     // whether it writes message sets, which Kafka 4 does not take
	// breaksSequences: after a lost connection its idempotent producer takes records for stored that are not, with no mesh in
	// between too.
	breaksSequences bool
	note            string
}

// wont is what a client cannot say.
type wont struct {
	timestamps  timestamps
	headers     headers
	emptyValues bool // empty keys and values become null
}

type timestamps int

const (
	givenTimes timestamps = iota
	timesOfSending
	noTimes
)

type headers int

const (
	allHeaders headers = iota
	noNullHeader
	kcatHeaders
	noHeaders
)

// stored is how a setting's batches look when they are stored.
type stored struct {
	codec      string
	idempotent bool
}

var (
	plain   = stored{codec: "none"}
	modern  = []string{"gzip", "snappy", "lz4", "zstd"}
	classic = modern[:3]
)

func clients() []client {
	list := []client{
		javaClient("4.3.1", modern, stored{"none", true}),
		javaClient("4.0.2", modern, stored{"none", true}),
		javaClient("3.9.2", modern, stored{"none", true}),
		javaClient("3.5.2", modern, stored{"none", true}),
		javaClient("3.0.2", modern, stored{"none", true}),
		javaClient("2.8.2", modern, plain),
		javaClient("2.4.1", modern, plain),
		javaClient("2.1.1", modern, plain),
		javaClient("2.0.1", classic, plain),
		javaClient("1.1.1", classic, plain),
		javaClient("0.11.0.3", classic, plain),
		{
			name: "confluent-kafka", version: "2.16.1", Program: driver.Python("confluent-kafka", "python", driver.Produce),
			asks:   new(driver.Python("confluent-kafka", "python", driver.Ask)),
			codecs: modern, idempotent: true, defaults: plain, mayShrink: true, note: "librdkafka 2.16.0",
		},
		{
			name: "kcat", version: "1.7.1", Program: driver.Kcat("1.7.1", driver.Produce), codecs: modern,
			idempotent: true, ours: wont{timesOfSending, kcatHeaders, true}, defaults: plain, mayShrink: true,
			perTopic: true, note: "librdkafka 2.0.2",
			asks: new(driver.Kcat("1.7.1", driver.Ask)), cannot: []string{"create", "cluster"},
		},
		{
			name: "kafka-python", version: "3.0.12", Program: driver.Python("kafka-python", "kafka-python-3.0.12", driver.Produce),
			codecs: modern, idempotent: true, ours: wont{headers: noNullHeader}, defaults: stored{"none", true}, mayShrink: true,
			asks: new(driver.Python("kafka-python", "kafka-python-3.0.12", driver.Ask)),
		},
		{
			name: "kafka-python", version: "2.0.2", Program: driver.Python("kafka-python", "kafka-python-2.0.2", driver.Produce),
			codecs: modern, ours: wont{headers: noNullHeader}, defaults: plain, mayShrink: true,
			asks: new(driver.Python("kafka-python", "kafka-python-2.0.2", driver.Ask)),
		},
		oldPython("0.10", wont{headers: noHeaders}, "told to take the broker for a 0.10"),
		oldPython("0.9", wont{headers: noHeaders, timestamps: noTimes}, "told to take the broker for a 0.9"),
		{
			name: "aiokafka", version: "0.14.0", Program: driver.Python("aiokafka", "aiokafka-0.14.0", driver.Produce),
			codecs: modern, idempotent: true, defaults: plain,
		},
		goClient("franz-go", "1.22.2", client{asks: new(driver.Go("franz-go", driver.Ask)), codecs: modern, idempotent: true, defaults: stored{"snappy", true}, mayShrink: true}),
		goClient("sarama-async", "1.61.1", client{codecs: modern, idempotent: true, defaults: plain, note: "AsyncProducer"}),
		goClient("sarama-sync", "1.61.1", client{asks: new(driver.Go("sarama-sync", driver.Ask)), codecs: modern, idempotent: true, defaults: plain, note: "SyncProducer"}),
		goClient("kafka-go", "0.4.51", client{codecs: modern, defaults: plain, note: "Writer, whose default is acks=0"}),
		{
			name: "kafkajs", version: "2.2.4", Program: driver.Node("kafkajs", "2.2.4", driver.Produce),
			codecs: []string{"gzip"}, idempotent: true, ours: wont{headers: noNullHeader}, defaults: plain,
			asks: new(driver.Node("kafkajs", "2.2.4", driver.Ask)), breaksSequences: true, note: "idempotent, it loses records when a connection is lost, directly to Kafka too",
		},
		{
			name: "node-rdkafka", version: "3.6.1", Program: driver.Node("node-rdkafka", "3.6.1", driver.Produce),
			codecs: modern, idempotent: true, ours: wont{headers: noNullHeader, emptyValues: true}, defaults: plain, mayShrink: true,
			asks: new(driver.Node("node-rdkafka", "3.6.1", driver.Ask)), bare: true, cannot: []string{"cluster"}, note: "librdkafka 2.16.0",
		},
		goClient("raw-v0", "Produce 0", oldRaw(noTimes, "message format 0")),
		goClient("raw-v1", "Produce 1", oldRaw(noTimes, "message format 0")),
		goClient("raw-v2", "Produce 2", oldRaw(givenTimes, "message format 1")),
	}
	return list
}

func oldRaw(t timestamps, note string) client {
	return client{codecs: classic, ours: wont{timestamps: t, headers: noHeaders}, defaults: plain, messageSet: true, note: note}
}

func javaClient(version string, codecs []string, defaults stored) client {
	return client{
		name: "java", version: version, Program: driver.Java(version, driver.Produce), codecs: codecs, idempotent: true, defaults: defaults,
		asks: new(driver.Java(version, driver.Ask)),
	}
}

// oldPython is kafka-python 2 that does not ask the broker what it speaks.
func oldPython(api string, ours wont, note string) client {
	program := driver.Python("kafka-python", "kafka-python-2.0.2", driver.Produce)
	env := program.Env
	program.Env = func(dir string) []string { return append(env(dir), "API_VERSION="+api) }
	return client{
		name: "kafka-python", version: "2.0.2 as " + api, Program: program, codecs: classic, ours: ours, defaults: plain, messageSet: true, note: note,
	}
}

func goClient(name, version string, c client) client {
	c.name, c.version, c.Program = name, version, driver.Go(name, driver.Produce)
	return c
}

// setting is what a client is asked to do.
type setting struct {
	text string // as the programs take it
	stored

	acks string // empty where the client's default counts
}

// settings are the defaults, and each codec with each acks, and acks=all idempotent too where the client can be that.
func (c *client) settings() []setting {
	list := []setting{{"-/-/-", c.defaults, ""}}
	if !full() {
		return list
	}
	for _, codec := range slices.Concat([]string{"none"}, c.codecs) {
		for _, acks := range []string{"0", "1", "all"} {
			list = append(list, setting{codec + "/" + acks + "/off", stored{codec, false}, acks})
		}
		if c.idempotent {
			list = append(list, setting{codec + "/all/on", stored{codec, true}, "all"})
		}
	}
	return list
}

func full() bool { return os.Getenv("MATRIX") == "full" }
