package matrix

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
)

// refusals are topics that do not take every record.
var refusals = map[string]map[string]string{
	"small":     {"max.message.bytes": "200"},                   // MESSAGE_TOO_LARGE
	"compacted": {"cleanup.policy": "compact"},                  // INVALID_RECORD, for the one without a key
	"late":      {"message.timestamp.before.max.ms": "3600000"}, // INVALID_TIMESTAMP, for those that give a time
}

// refusedClients are those that are compared: of each family the newest.
var refusedClients = []string{
	"java-4.3.1", "confluent-kafka-2.16.1", "kafka-python-3.0.12", "aiokafka-0.14.0", "franz-go-1.22.2", "sarama-sync-1.61.1",
	"kafkajs-2.2.4",
}

// refusedProducers is how many producers each client makes, of one record each: which records share a batch, and with it a
// refusal, would differ from run to run. The last one's number is 8000, whose record has no key.
const refusedProducers = 9

// TestRefusedRecords has clients send what a broker refuses, directly and through the mesh: they say the same of it.
// (test/conformance compares the answers themselves, for every error that a broker can be made to give.)
func TestRefusedRecords(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, c := range clients() {
		if !slices.Contains(refusedClients, c.id()) || !full() && !slices.Contains(refusedClients[:2], c.id()) {
			continue
		}
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			for name, settings := range refusals {
				want := c.refused(t, p, p.kafka.Addr(), "direct-"+name+"-"+c.id(), settings)
				got := c.refused(t, p, p.mesh.Addr, "apples-"+name+"-"+c.id(), settings)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: what the client says (-directly +through the mesh):\n%s", name, d)
				}
				t.Logf("%s: %v", name, got)
			}
		})
	}
}

// refused sends to a topic with these settings and gives what the client says of each record; what it takes for stored must
// be stored, once.
func (c *client) refused(t *testing.T, p *parts, addr, topic string, settings map[string]string) map[int]string {
	t.Helper()
	kafka := direct(t, p.kafka.Addr())
	kafka.createWith(t, settings, topic)
	said := c.run(t, job{addr: addr, topics: []string{topic}, count: 1, settings: slices.Repeat(c.settings()[:1], refusedProducers)})
	errs := map[int]string{}
	for _, s := range said {
		errs[s.Number] = anonymous(s.Error, topic)
	}
	stored := map[int]string{}
	for _, part := range kafka.read(t, delivered(said), topic) {
		for _, r := range part.records {
			stored[driver.Number(r.Key, r.Value)] += "stored"
		}
	}
	for n, text := range errs {
		if text != "" {
			stored[n] += text // not stored, or it shows
		} else {
			errs[n] = "stored"
		}
	}
	if d := cmp.Diff(errs, stored); d != "" || len(errs) != refusedProducers {
		t.Errorf("%s: %d records; said and stored differ (-said +stored):\n%s", topic, len(errs), d)
	}
	return errs
}

var numbers = regexp.MustCompile(`-?[0-9]+`)

// anonymous is an error's text without what differs from run to run.
func anonymous(text, topic string) string {
	return numbers.ReplaceAllString(strings.ReplaceAll(text, topic, "TOPIC"), "N")
}

// TestTransactionsAreRefused has each family of transactional producers begin: it is told what is wrong, not left to wait.
func TestTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	p := shared(t)
	refused := regexp.MustCompile(`(?i)transactional.?id.?authorization`) // as the clients spell it
	for _, c := range clients() {
		if !slices.Contains([]string{"java-4.3.1", "confluent-kafka-2.16.1", "franz-go-1.22.2"}, c.id()) {
			continue
		}
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			said := c.run(t, job{addr: p.mesh.Addr, topics: []string{"apples-tx"}, count: 1, settings: []setting{{text: "-/-/tx"}}})
			if len(said) != 1 || !refused.MatchString(said[0].Error) {
				t.Fatalf("said %+v, want that the transactional id is refused", said)
			}
			t.Logf("after %d ms: %s", said[0].MS, said[0].Error)
		})
	}
}
