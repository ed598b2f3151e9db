package stack

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// Main runs the tests of a package, then stop, which ends what they share, and fails if a goroutine is left.
func Main(m *testing.M, stop func() error) {
	code := m.Run()
	err := stop()
	if leak := goleak.Find(); code == 0 {
		err = errors.Join(err, leak)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Missing skips a test for want of something that this machine does not have, or fails it where nothing may be wanting.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if Required() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// Kafka starts an Apache Kafka for the length of a test.
func Kafka(tb testing.TB, o KafkaOptions) *KafkaCluster {
	tb.Helper()
	k, err := StartKafka(tb.Context(), o)
	Check(tb, err)
	tb.Cleanup(func() {
		k.Close()
		show(tb, k.Process)
	})
	return k
}

// Brokers starts an Apache Kafka of several nodes for the length of a test.
func Brokers(tb testing.TB, n int, o KafkaOptions, each func(node int, o *KafkaOptions)) *KafkaBrokers {
	tb.Helper()
	b, err := StartBrokers(tb.Context(), n, o, each)
	Check(tb, err)
	tb.Cleanup(b.Close)
	return b
}

// Fake starts an embedded cluster for the length of a test.
func Fake(tb testing.TB, o FakeOptions) *FakeCluster {
	tb.Helper()
	f, err := StartFake(o)
	Check(tb, err)
	tb.Cleanup(f.Close)
	return f
}

// Envoy starts an Envoy for the length of a test.
func Envoy(tb testing.TB, o EnvoyOptions) *EnvoyProcess {
	tb.Helper()
	e, err := StartEnvoy(tb.Context(), o)
	Check(tb, err)
	tb.Cleanup(func() {
		e.Close()
		show(tb, e.Process)
	})
	return e
}

// Standalone starts `kafkamesh serve` for the length of a test.
func Standalone(tb testing.TB, m *Mesh) *StandaloneProcess {
	tb.Helper()
	s, err := StartStandalone(tb.Context(), m)
	Check(tb, err)
	tb.Cleanup(func() {
		s.Close()
		show(tb, s.Process)
	})
	return s
}

// NewRelay starts a relay for the length of a test. Through may be nil.
func NewRelay(tb testing.TB, through Through) *Relay {
	tb.Helper()
	r, err := StartRelay(through)
	Check(tb, err)
	tb.Cleanup(r.Close)
	return r
}

// EnvoyHost starts the program that plays Envoy, until the test ends.
func EnvoyHost(tb testing.TB, o EnvoyHostOptions) *EnvoyHostProcess {
	tb.Helper()
	c, err := StartEnvoyHost(tb.Context(), o)
	Check(tb, err)
	tb.Cleanup(func() {
		c.Close()
		show(tb, c.Process)
	})
	return c
}

// Client is a client of the brokers at addr until the test ends.
func Client(tb testing.TB, addr string, more ...kgo.Opt) *kgo.Client {
	tb.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr)}, more...)...)
	Check(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// CreateTopics makes topics in the cluster at addr and waits until all of their partitions are led.
func CreateTopics(tb testing.TB, addr string, o TopicOptions, names ...string) {
	tb.Helper()
	Check(tb, Admin{Client(tb, addr)}.CreateTopics(tb.Context(), o, names...))
}

// EnvInt is a number that a variable of the environment gives to a test.
func EnvInt(tb testing.TB, name string, otherwise int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// Replace moves a file with new content into the place of another, so that nobody reads half of it.
func Replace(tb testing.TB, file, content string) {
	tb.Helper()
	Check(tb, ReplaceFile(file, []byte(content)))
}

// Addr is an address of this machine that nobody listens on.
func Addr(tb testing.TB) string {
	tb.Helper()
	addr, err := FreeAddr()
	Check(tb, err)
	return addr
}

// Wait waits until ready returns nil, for as long as the start of any part may take, or else ends the test.
func Wait(tb testing.TB, what string, ready func() error) {
	tb.Helper()
	if err := Await(tb.Context(), what, ready); err != nil {
		tb.Fatal(err)
	}
}

// WantAlive fails the test if the process has ended.
func WantAlive(tb testing.TB, p *Process) {
	tb.Helper()
	select {
	case <-p.Done():
		tb.Errorf("%s has ended: %s", p.name, p.Ending())
	default:
	}
}

// WantNoAlarm fails the test if the process's log tells of a crash or a race.
func WantNoAlarm(tb testing.TB, p *Process) {
	tb.Helper()
	const shown = 4000
	log := strings.ToLower(p.Log())
	for _, word := range []string{
		"panic", "sigsegv", "segmentation fault", "caught aborted", "envoy bug", "assert failure", "fatal error", "data race",
	} {
		if at := strings.Index(log, word); at >= 0 {
			tb.Errorf("the log of %s holds %q: %s", p.name, word, log[at:min(at+shown, len(log))])
		}
	}
}

// Tail is the end of a log: what a reader of a failure will read.
func Tail(log string) string {
	const limit = 20_000
	if len(log) <= limit {
		return log
	}
	return "…" + log[len(log)-limit:]
}

// Check ends the test if err is not nil: as skipped if a part is missing that need not be there, else as failed.
func Check(tb testing.TB, err error) {
	tb.Helper()
	var missing *MissingError
	switch {
	case err == nil:
	case errors.As(err, &missing):
		Missing(tb, "%v", err)
	default:
		tb.Fatal(err)
	}
}

func show(tb testing.TB, p *Process) {
	tb.Helper()
	if tb.Failed() {
		tb.Logf("log of %s:\n%s", p.name, p.Log())
	}
}
