package notices_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/notices"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

const produce = wire.KeyProduce

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unguarded(_ string, call func()) { call() }

// safe is a buffer that several goroutines may use.
type safe struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(p)
}

// nowhere is where a log goes that is made, and not looked at.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// withNotices runs f in fake time with notices that log in JSON from a level on. lines gives what was logged.
func withNotices(t *testing.T, level slog.Level, f func(n *notices.Notices, lines func() []map[string]any)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out safe
		n := notices.New(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})), unguarded)
		f(n, func() (lines []map[string]any) {
			synctest.Wait()
			out.mu.Lock()
			defer out.mu.Unlock()
			for line := range strings.Lines(out.String()) {
				var fields map[string]any
				if err := json.Unmarshal([]byte(line), &fields); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				lines = append(lines, fields)
			}
			return lines
		})
		n.Close()
	})
}

func unmatched(topics ...string) broker.Refusal {
	return broker.Refusal{Code: wire.TopicAuthorizationFailed, Topics: topics}
}

func client(host int, software string) notices.Client {
	return notices.Client{Address: fmt.Sprintf("10.0.%d.%d:1000", host/256, host%256), ID: "orders", Software: software}
}

// A line for each reason and software, and a minute later a sum of the rest, of whoever it was; then the next line.
func TestOnceAMinute(t *testing.T) {
	t.Parallel()
	withNotices(t, slog.LevelInfo, func(n *notices.Notices, lines func() []map[string]any) {
		for host := range 14 {
			for range 10 {
				n.Refused(client(host, "kgo 1.0"), produce, unmatched("dates"))
				n.Refused(client(host, "sarama 1.0"), produce, unmatched("figs"))
				n.Refused(client(host, "kgo 1.0"), wire.KeyFetch, broker.Refusal{Code: wire.TopicAuthorizationFailed, Kind: wire.Consumers})
				n.Refused(client(host, fmt.Sprint("own-", host, " 1.0")), produce, unmatched("grapes")) // all are others
			}
		}
		if got := lines(); len(got) != 4 {
			t.Fatalf("%d lines, want 4: %v", len(got), got)
		}
		bubble.Advance(time.Minute)
		sums := lines()[4:]
		if len(sums) != 4 {
			t.Fatalf("%d sums, want 4: %v", len(sums), sums)
		}
		for _, sum := range sums {
			if sum["times"] != 139.0 || sum["clients"] != 14.0 || sum["for"] != float64(time.Minute) {
				t.Errorf("the sum %v, want 139 times, 14 clients, a minute", sum)
			}
		}
		n.Refused(client(1, "kgo 1.0"), produce, unmatched("dates"))
		if got := lines()[8:]; len(got) != 1 || got[0]["topic"] != "dates" || got[0]["client"] != "10.0.0.1:1000" {
			t.Errorf("after a minute: %v, want a line", got)
		}
		bubble.Advance(time.Hour)
		if got := lines()[9:]; len(got) != 0 {
			t.Errorf("with nothing to sum up: %v", got)
		}
	})
}

// What there is to sum up is summed up at the end, and then nothing is said any more.
func TestClose(t *testing.T) {
	t.Parallel()
	withNotices(t, slog.LevelInfo, func(n *notices.Notices, lines func() []map[string]any) {
		for range 3 {
			n.Closing(client(1, ""), wire.ReasonHTTPRequest, "http_request: GET", wire.Producers, 0)
		}
		bubble.Advance(7 * time.Second)
		n.Close()
		n.Closing(client(1, ""), wire.ReasonHTTPRequest, "http_request: GET", wire.Producers, 0)
		bubble.Advance(time.Hour)
		if got := lines(); len(got) != 2 || got[1]["times"] != 2.0 || got[1]["for"] != float64(7*time.Second) {
			t.Errorf("%v, want a line, and a sum of two in 7 seconds", got)
		}
	})
}

// Who wants to know everything is told everything; who wants to know nothing is told nothing, and nothing is made ready for it.
func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		level slog.Level
		want  int // lines
	}{{slog.LevelDebug, 30}, {slog.LevelInfo, 2}, {slog.LevelWarn, 1}, {slog.LevelError, 0}} {
		withNotices(t, tt.level, func(n *notices.Notices, lines func() []map[string]any) {
			for range 15 {
				n.Refused(client(1, "kgo 1.0"), produce, unmatched("dates"))
				n.Left(client(2, "kgo 1.0"))
			}
			if got := lines(); len(got) != tt.want {
				t.Errorf("%s: %d lines, want %d", tt.level, len(got), tt.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	who := notices.Client{Address: "10.0.0.1:1", ID: "orders", Software: "kgo 1.0"}
	for _, tt := range []struct {
		name         string
		happens      func(n *notices.Notices)
		reason, says string
		more         map[string]string
	}{
		{
			"a topic", func(n *notices.Notices) { n.Refused(who, wire.KeyMetadata, unmatched("dates", "figs")) },
			"unmatched_topic", "add one, or see whether the prefix is right",
			map[string]string{"topic": "dates", "api": "Metadata", "told": "TOPIC_AUTHORIZATION_FAILED"},
		},
		{
			"a name", func(n *notices.Notices) {
				n.Refused(who, produce, broker.Refusal{Code: wire.InvalidTopicException, Topics: []string{"a b"}})
			},
			"invalid_topic", "no topic can have this name",
			map[string]string{"topic": "a b", "told": "INVALID_TOPIC_EXCEPTION"},
		},
		{
			"acks", func(n *notices.Notices) {
				n.Refused(who, produce, broker.Refusal{Code: wire.InvalidRequiredAcks, Reason: "acks is 7"})
			},
			"invalid_request", "refusing",
			map[string]string{"error": "acks is 7", "told": "INVALID_REQUIRED_ACKS"},
		},
		{
			"a login", func(n *notices.Notices) {
				n.Closing(who, wire.ReasonUnknownAPI, "unknown_api: api key 17", wire.Logins, 17)
			},
			"logins", "leave SASL out",
			map[string]string{"api": "SaslHandshake", "error": "unknown_api: api key 17"},
		},
		{
			"transactions", func(n *notices.Notices) {
				n.Refused(who, wire.KeyInitProducerID, broker.Refusal{Code: wire.TransactionalIDAuthorizationFailed, Kind: wire.Transactions})
			},
			"transactions", "leave transactional.id out", nil,
		},
		{
			"something else", func(n *notices.Notices) { n.Closing(who, wire.ReasonUnknownAPI, "unknown_api", wire.Others, 72) },
			"others", "not served",
			map[string]string{"api": "PushTelemetry"},
		},
		{
			"a violation", func(n *notices.Notices) {
				n.Closing(who, wire.ReasonTLSHandshake, "tls_handshake: …", wire.Producers, 0)
			},
			"tls_handshake", "closing a client's connection",
			map[string]string{"error": "tls_handshake: …"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			withNotices(t, slog.LevelInfo, func(n *notices.Notices, lines func() []map[string]any) {
				tt.happens(n)
				got := lines()
				if len(got) != 1 {
					t.Fatalf("%d lines: %v", len(got), got)
				}
				if msg, _ := got[0]["msg"].(string); !strings.Contains(msg, tt.says) {
					t.Errorf("it says %q, want %q in it", msg, tt.says)
				}
				want := map[string]string{"reason": tt.reason, "client": "10.0.0.1:1", "client_id": "orders", "software": "kgo 1.0"}
				maps.Copy(want, tt.more)
				for key, value := range want {
					if got[0][key] != value {
						t.Errorf("%s = %v, want %q", key, got[0][key], value)
					}
				}
			})
		})
	}
}

// Whatever clients call themselves and their topics, and however often they come, what is kept of them is little.
//
//nolint:paralleltest // measures what the process holds
func TestBounded(t *testing.T) {
	n := notices.New(slog.New(slog.NewTextHandler(nowhere{}, nil)), unguarded)
	defer n.Close()
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := held()
	long := strings.Repeat("x", 4096)
	topics := make([]string, 1000)
	for i := range 2000 {
		for j := range topics {
			topics[j] = fmt.Sprintf("topic-%d-%d", i, j)
		}
		c := notices.Client{Address: fmt.Sprintf("10.%d.%d.1:1", i/256, i%256), ID: fmt.Sprint("client-", i), Software: fmt.Sprint("own-", i)}
		n.Refused(c, produce, unmatched(topics...))
		for _, reason := range wire.Reasons() {
			n.Closing(c, reason, long, wire.Producers, 0)
		}
		for _, kind := range wire.RefusedKinds() {
			n.Closing(c, wire.ReasonUnknownAPI, long, kind, wire.APIKey(i))
		}
	}
	var kept status.Clients
	n.Fill(&kept)
	if len(kept.Closings) != 50 || len(kept.Unmatched) != 100 || len(kept.Refusals) != len(wire.RefusedKinds()) {
		t.Errorf("%d closings, %d topics, %d refusals are kept", len(kept.Closings), len(kept.Unmatched), len(kept.Refusals))
	}
	if got := len(kept.Closings[0].Reason); got > 1024 {
		t.Errorf("a reason of %d bytes is kept", got)
	}
	if grown := held() - before; grown > 2<<20 {
		t.Errorf("%d KiB more are held", grown>>10)
	}
	runtime.KeepAlive(n)
}

// The last ones are first, and one that comes again is counted on.
func TestRecent(t *testing.T) {
	t.Parallel()
	withNotices(t, slog.LevelError, func(n *notices.Notices, _ func() []map[string]any) {
		for i := range 150 {
			bubble.Advance(time.Second)
			n.Refused(client(i, "kgo 1.0"), produce, unmatched("dates", fmt.Sprint("figs-", i), "no topic"))
		}
		var kept status.Clients
		n.Fill(&kept)
		topics := kept.Unmatched
		if topics[0].Topic != "figs-149" || topics[1].Topic != "dates" || topics[99].Topic != "figs-51" {
			t.Errorf("kept: %s, %s, … %s; want figs-149, dates, … figs-51", topics[0].Topic, topics[1].Topic, topics[99].Topic)
		}
		dates := topics[1]
		if dates.Times != 150 || dates.Last.Sub(dates.First) != 149*time.Second || dates.Client != "10.0.0.149:1000" {
			t.Errorf("of dates is kept %+v; want 150 times in 149 seconds, the last by 10.0.0.149", dates)
		}
	})
}

func TestHammerNotices(t *testing.T) {
	t.Parallel()
	n := notices.New(slog.New(slog.NewTextHandler(nowhere{}, nil)), unguarded)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				c := client(i, []string{"kgo 1.0", "sarama 1.0", "own 1.0", ""}[worker])
				n.Refused(c, produce, unmatched(fmt.Sprint("dates-", i), "figs"))
				n.Closing(c, wire.ReasonUnknownAPI, "unknown_api", wire.Logins, 17)
				n.Left(c)
				n.Fill(new(status.Clients))
			}
		})
	}
	all.Wait()
	n.Close()
	n.Left(client(1, ""))
}

// BenchmarkRefused is what it costs to be refused again and again.
func BenchmarkRefused(b *testing.B) {
	n := notices.New(slog.New(slog.NewTextHandler(nowhere{}, nil)), unguarded)
	defer n.Close()
	c, r := client(1, "kgo 1.0"), unmatched("dates")
	b.ReportAllocs()
	for b.Loop() {
		n.Refused(c, produce, r)
	}
}

// What is denied to a client is told once for each rule and thing, of so many at a time; the rest is summed up.
func TestDenialsAreToldApart(t *testing.T) {
	t.Parallel()
	deny := func(rule, topic string) broker.Refusal {
		return broker.Refusal{Code: wire.TopicAuthorizationFailed, Denied: &broker.Denial{
			Principal: "ann", Operation: authorizer.Write, Kind: authorizer.Topic, Name: topic, Rule: rule,
		}}
	}
	withNotices(t, slog.LevelInfo, func(n *notices.Notices, lines func() []map[string]any) {
		for range 3 {
			n.Refused(client(1, "kgo 1"), produce, deny("a", "apples"))
			n.Refused(client(2, "kgo 1"), produce, deny("a", "apples"))
			n.Refused(client(1, "kgo 1"), produce, deny("b", "apples"))
			n.Refused(client(1, "kgo 1"), produce, deny("a", "bananas"))
		}
		if got := lines(); len(got) != 4 || got[0]["rule"] != "a" || got[0]["principal"] != "ann" || got[0]["topic"] != "apples" {
			t.Errorf("the log has %v, want one line for each client, rule and topic", got)
		}
		for i := range 1000 {
			n.Refused(client(1, "kgo 1"), produce, deny("a", fmt.Sprint("topic-", i)))
		}
		if got := len(lines()); got != 21 {
			t.Errorf("the log has %d lines, want one for each of the first 20 things, and one for all others", got)
		}
		bubble.Advance(time.Minute)
		got := lines()[21:]
		sum := 0.0
		for _, line := range got {
			sum += line["times"].(float64)
		}
		if len(got) != 5 || sum != 8+983 {
			t.Errorf("%d sums of %v, want 5 of what was left out", len(got), sum)
		}
		n.Refused(client(1, "kgo 1"), produce, deny("a", "apples"))
		if got := lines()[26:]; len(got) != 1 || got[0]["topic"] != "apples" {
			t.Errorf("a minute later the log has %v", got)
		}
	})
}
