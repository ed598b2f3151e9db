package secure

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var update = flag.Bool("update", false, "write what clients have said into docs/clients.md")

// paced is how many records take as long as a few logins are good. That is no whole number of logins: whether the last one ends before the last
// record is not for a moment to decide.
const (
	paced = 40
	pace  = 5 * session / 2 / paced
)

// TestClientsRenew has clients send for longer than their logins are good. Those that lose nothing with a broker lose nothing here.
func TestClientsRenew(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	inEnvoy := b.shortLived(t)
	stack.Envoy(t, stack.EnvoyOptions{Mesh: inEnvoy})
	rows := &loginRows{of: map[string]string{}}
	eachClient(t, func(t *testing.T, c *loginClient) {
		t.Helper()
		if c.records == 0 {
			rows.add(c, "")
			return
		}
		c.Installed(t)
		m := b.shortLived(t)
		alone := stack.Standalone(t, m)
		c.sendOn(t, b, map[string]string{"kafka": b.Listener("RELOGIN"), "envoy": inEnvoy.Addr, "serve": m.Addr})
		rows.add(c, fmt.Sprintf("| %s | %s | %s |\n", c.name, c.version, fateOf(t, alone)))
	})
	rows.compare(t, "renewals", "TestClientsRenew", "| client | version | when its login expires |\n|---|---|---|\n", "")
}

func (b *broker) shortLived(t *testing.T) *stack.Mesh {
	t.Helper()
	m := meshOf(t, stack.MeshCluster{Name: "renewals", Bootstrap: b.Addr()})
	m.Logins = loginsOf(t, b, map[string]any{"max_reauth_ms": session.Milliseconds()})
	return m
}

// sendOn has the client send everywhere, side by side. Nowhere do more records fail than directly, and all that do not are stored.
func (c *loginClient) sendOn(t *testing.T, b *broker, targets map[string]string) {
	t.Helper()
	var sent sync.Map // reports, by where
	var all sync.WaitGroup
	for at, addr := range targets {
		topic := "renewals-" + at + "-" + c.id()
		stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topic)
		all.Go(func() {
			sent.Store(at, c.run(t, []string{addr, topic, strconv.Itoa(c.records), "-/all/-/" + login.ScramSHA512 + "/" + password}, pace))
		})
	}
	all.Wait()
	failed := map[string]int{} // by where
	for at := range targets {
		reports, _ := sent.Load(at)
		list, _ := reports.([]loginReport)
		failed[at] = c.failures(t, b, "renewals-"+at+"-"+c.id(), list)
	}
	if failed["kafka"] == c.records {
		t.Error("nothing is stored directly: there is nothing to compare with")
	}
	for at, n := range failed {
		if n > failed["kafka"] {
			t.Errorf("%s: %d records failed, and %d directly", at, n, failed["kafka"])
		}
	}
}

// failures counts the records that failed, wants to be told once of each record, and wants those that did not fail to be stored.
func (c *loginClient) failures(t *testing.T, b *broker, topic string, reports []loginReport) (failed int) {
	t.Helper()
	stored := map[int]bool{}
	for _, r := range held(t, b.KafkaCluster, topic) {
		stored[driver.Number(r.Key, r.Value)] = true
	}
	told := map[int]bool{}
	for _, r := range reports {
		switch {
		case r.Number < 0 || r.Number >= c.records || told[r.Number]:
			t.Errorf("%s: a report of record %d, of %d that have one each: %q", topic, r.Number, c.records, r.Error)
		case r.Error != "":
			t.Logf("%s: record %d: %s", topic, r.Number, r.Error)
			failed++
		case !stored[r.Number]:
			t.Errorf("%s: record %d is said to be stored, and is not", topic, r.Number)
		}
		told[r.Number] = true
	}
	if len(told) != c.records {
		t.Errorf("%s: reports of %d records, want %d", topic, len(told), c.records)
	}
	return failed
}

// fateOf is what became of the logins at a mesh: one of three, or nothing has become of them, and the client was not tried for long enough.
func fateOf(t *testing.T, s *stack.StandaloneProcess) string {
	t.Helper()
	metrics, err := stack.Page(t.Context(), http.MethodGet, "http://"+s.Admin()+"/metrics")
	stack.Check(t, err)
	renewed := counter(metrics, `^envoy_kafkamesh_logins_renewed\{kafka_mechanism="scram_sha_512"\}`)
	expired := counter(metrics, `^envoy_kafkamesh_violations\{.*"login_expired".*\}`)
	switch {
	case renewed && expired:
		return "it logs in anew, or is disconnected"
	case renewed:
		return "it logs in anew"
	case expired:
		return "it is disconnected, and connects again"
	}
	t.Fatal("no login was renewed, and none expired")
	return ""
}

// counter says whether a metric has counted something.
func counter(metrics, name string) bool {
	return regexp.MustCompile(`(?m)` + name + ` [1-9]`).MatchString(metrics)
}

// loginRows are rows of a part of docs/clients.md. Its methods may be called from any goroutine.
type loginRows struct {
	mu sync.Mutex
	of map[string]string // by client
}

func (l *loginRows) add(c *loginClient, rows string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[c.id()] = rows
}

// compare wants the document to have the rows, if all clients have been tried.
func (l *loginRows) compare(t *testing.T, name, test, head, tail string) {
	t.Helper()
	var made strings.Builder
	made.WriteString(head)
	for _, c := range loginClients() {
		rows, tried := l.of[c.id()]
		if !tried {
			return
		}
		made.WriteString(rows)
	}
	made.WriteString(tail)
	begin := "<!-- " + name + ": go test ./test/secure -run " + test + " -update -->\n"
	document.Compare(t, "../../docs/clients.md", begin, "<!-- end of "+name+" -->", made.String(), *update && !t.Failed())
}

// TestRenewalLosesNothing produces until the client has renewed its login three times: nothing fails.
func TestRenewalLosesNothing(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	m := meshOf(t, stack.MeshCluster{Name: "renewed", Bootstrap: b.Addr()})
	m.Logins = loginsOf(t, b, map[string]any{"max_reauth_ms": session.Milliseconds()})
	alone := stack.Standalone(t, m)
	running := watched(t, &mesh{alone.Process, m.Addr})
	l := running.startLoad(t, "renewed-a", kgo.SASL(franzscram.Auth{User: "mesh", Pass: password}.AsSha512Mechanism()))
	l.wantMore(t, 1)
	renewed := regexp.MustCompile(`(?m)^envoy_kafkamesh_logins_renewed\{kafka_mechanism="scram_sha_512"\} ([3-9]|\d\d)`)
	stack.Check(t, stack.Await(t.Context(), "three renewals", func() error {
		metrics, err := stack.Page(t.Context(), http.MethodGet, "http://"+alone.Admin()+"/metrics")
		if err == nil && !renewed.MatchString(metrics) {
			err = errors.New("they are not counted yet")
		}
		return err
	}))
	l.finish(t, b)
	if strings.Contains(running.Log(), "did not log in anew") {
		t.Errorf("a login was not renewed:\n%s", running.Log())
	}
}
