package software

import (
	"slices"
	"strings"
)

// The labels of clients that are none of the known.
const (
	// Other is for those that call themselves something else.
	Other = "other"
	// Unnamed is for those that do not say: kafkajs, kafka-go, aiokafka, and all that are older than ApiVersions v3.
	Unnamed = "unnamed"
)

// Parting is what a client may have wanted that asks for versions and leaves without a word, because what it needs is not listed.
type Parting uint8

const (
	// PartsForAny may be for anything that is not served.
	PartsForAny Parting = iota
	// PartsForLogin is because it is to log in. If it wants another thing, it asks for topics before it leaves.
	PartsForLogin
	// PartsForCalls is because it is an administrator. If it wants to log in, it tries.
	PartsForCalls
)

// known is a client that is told apart.
type known struct {
	name  string // as it calls itself
	label string
	parts Parting
}

// table is what clients call themselves. How they part is what the clients of test/matrix do; the wrappers of librdkafka do as it does.
//
//nolint:gochecknoglobals // a constant table
var table = []known{
	{"apache-kafka-java", "apache-kafka-java", PartsForCalls},
	{"librdkafka", "librdkafka", PartsForLogin},
	{"confluent-kafka-python", "confluent-kafka-python", PartsForLogin},
	{"confluent-kafka-go", "confluent-kafka-go", PartsForLogin},
	{"confluent-kafka-dotnet", "confluent-kafka-dotnet", PartsForLogin},
	{"confluent-kafka-javascript", "confluent-kafka-javascript", PartsForLogin},
	{"karafka", "karafka", PartsForLogin},
	{"ClickHouse", "clickhouse", PartsForLogin},
	{"kgo", "kgo", PartsForCalls},
	{"sarama", "sarama", PartsForAny},
	{"kafka-python", "kafka-python", PartsForLogin},
	{"platformatic-kafka", "platformatic-kafka", PartsForAny},
}

// Labels lists all labels: those of known clients, Other and Unnamed.
func Labels() []string {
	labels := make([]string, 0, len(table)+2)
	for i := range table {
		labels = append(labels, table[i].label)
	}
	return append(labels, Other, Unnamed)
}

// Label is the label of a client that calls itself name, with or without a version behind a space. Empty: it does not say.
func Label(name string) string {
	if name == "" {
		return Unnamed
	}
	if k := find(name); k != nil {
		return k.label
	}
	return Other
}

// Parts says what a client of this name may have wanted that leaves after it has asked for versions only.
func Parts(name string) Parting {
	if k := find(name); k != nil {
		return k.parts
	}
	return PartsForAny
}

// find is the row of a name; nil: there is none.
func find(name string) *known {
	name, _, _ = strings.Cut(name, " ")
	if i := slices.IndexFunc(table, func(k known) bool { return k.name == name }); i >= 0 {
		return &table[i]
	}
	return nil
}
