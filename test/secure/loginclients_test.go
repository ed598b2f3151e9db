package secure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// loginClient is a client that logs in, and what it has for that.
type loginClient struct {
	driver.Program

	name, version string
	mechanisms    []string
	refused       []string          // those that Kafka refuses it by, with the right secret too
	differs       map[string]string // what it says of a mesh in place of what it says of a broker, by mechanism
	records       int               // that it sends for as long as a few logins are good; 0: it cannot wait between records
}

// Tokens come first: answers that wait for long, since others have failed before, change what some clients say of them.
var (
	allMechanisms = []string{login.OAuthBearer, login.Plain, login.ScramSHA256, login.ScramSHA512}
	noTokens      = allMechanisms[1:]
)

// closed is why what some clients say differs: they take the answer to a token that is refused for a login, and go on with what a mesh closes
// the connection for, and a broker answers with ILLEGAL_SASL_STATE.
func closed(says string) map[string]string { return map[string]string{login.OAuthBearer: says} }

func loginClients() []loginClient {
	return []loginClient{
		{Program: driver.Java("4.3.1", driver.Produce), name: "java", version: "4.3.1", mechanisms: allMechanisms, records: paced},
		{Program: driver.Java("2.8.2", driver.Produce), name: "java", version: "2.8.2", mechanisms: allMechanisms, records: paced},
		{
			Program: driver.Python("confluent-kafka", "python", driver.Produce), name: "confluent-kafka", version: "2.16.1",
			mechanisms: allMechanisms, records: paced,
		},
		{
			Program: driver.Kcat("1.7.1", driver.Produce), name: "kcat", version: "1.7.1", mechanisms: noTokens,
			refused: []string{login.ScramSHA256, login.ScramSHA512}, // as Kafka 4 does librdkafka before 2.6.1, which says a nonce twice
		},
		{
			Program: driver.Python("kafka-python", "kafka-python-3.0.12", driver.Produce), name: "kafka-python", version: "3.0.12",
			mechanisms: allMechanisms, records: paced,
		},
		{
			Program: driver.Python("kafka-python", "kafka-python-2.0.2", driver.Produce), name: "kafka-python", version: "2.0.2",
			mechanisms: allMechanisms, records: paced,
		},
		{
			Program: driver.Python("aiokafka", "aiokafka-0.14.0", driver.Produce), name: "aiokafka", version: "0.14.0",
			mechanisms: allMechanisms, records: paced, differs: closed("KafkaConnectionError: Unable to bootstrap from ADDRESS"),
		},
		{Program: driver.Go("franz-go", driver.Produce), name: "franz-go", version: "1.22.2", mechanisms: allMechanisms, records: paced},
		{Program: driver.Go("sarama-sync", driver.Produce), name: "sarama", version: "1.61.1", mechanisms: allMechanisms, records: paced},
		{Program: driver.Go("kafka-go", driver.Produce), name: "kafka-go", version: "0.4.51", mechanisms: noTokens, records: 5 * paced},
		{
			Program: driver.Node("kafkajs", "2.2.4", driver.Produce), name: "kafkajs", version: "2.2.4", mechanisms: allMechanisms,
			records: paced, differs: closed("KafkaJSNumberOfRetriesExceeded: Closed connection"),
		},
		{
			Program: driver.Node("node-rdkafka", "3.6.1", driver.Produce), name: "node-rdkafka", version: "3.6.1",
			mechanisms: allMechanisms, records: paced,
		},
		{
			Program: driver.Node("platformatic", "1.35.0", driver.Produce), name: "platformatic", version: "1.35.0",
			mechanisms: allMechanisms, records: paced,
		},
	}
}

// atOnce is how many clients are tried at one time: they wait for longer than they compute.
const atOnce = 5

// eachClient has each client be tried, some of them side by side.
func eachClient(t *testing.T, try func(t *testing.T, c *loginClient)) {
	t.Helper()
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, c := range loginClients() {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(c.id(), func(t *testing.T) { try(t, &c) })
		})
	}
	all.Wait()
}

func (c *loginClient) id() string { return c.name + "-" + c.version }

// source is an address of this machine that no other client comes from.
func (c *loginClient) source() net.IP {
	n := slices.IndexFunc(loginClients(), func(other loginClient) bool { return other.id() == c.id() })
	return net.IPv4(127, 0, 1, byte(1+n))
}

// tokens are one that is good, and one for others.
type tokens struct{ good, bad string }

func (b *broker) signed() tokens {
	now := time.Now()
	claims := map[string]any{"iss": b.tokens.url, "sub": "mesh", "aud": "kafka", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	good := b.tokens.sign(claims)
	claims["aud"] = "others"
	return tokens{good, b.tokens.sign(claims)}
}

// TestClientsLogIn has clients of each language log in by each mechanism that they have, rightly and wrongly: directly, to the mesh in Envoy,
// and to the mesh alone. What they say of the mesh is what they say of a broker.
func TestClientsLogIn(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	targets := map[string]string{"kafka": b.Listener("SASL")}
	for host, start := range stack.Hosts() {
		m := meshOf(t, stack.MeshCluster{Name: "logins", Bootstrap: b.Addr()})
		m.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true})
		running := watched(t, &mesh{start(t, m), m.Addr})
		targets[host] = m.Addr
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(running.Log())
			}
		})
	}
	signed := b.signed()
	rows := &loginRows{of: map[string]string{}}
	eachClient(t, func(t *testing.T, c *loginClient) {
		t.Helper()
		rows.add(c, c.saidOf(c.logIn(t, b, targets, signed)))
	})
	rows.compare(t, "logins", "TestClientsLogIn", "```text\n", "```\n")
}

// logIn has the client log in everywhere, side by side, and compares what it says. It returns what it says of the mesh.
func (c *loginClient) logIn(t *testing.T, b *broker, targets map[string]string, signed tokens) []string {
	t.Helper()
	c.Installed(t)
	var of sync.Map // what it has said, by where
	var all sync.WaitGroup
	for at, addr := range targets {
		topic := "logins-" + at + "-" + c.id()
		stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topic)
		all.Go(func() { of.Store(at, c.attempts(t, addr, topic, signed)) })
	}
	all.Wait()
	for at := range targets {
		c.wantStored(t, b, "logins-"+at+"-"+c.id())
	}
	directly, _ := of.Load("kafka")
	want, tried := directly.([]string)
	if !tried {
		t.Fatal("it has not tried to log in directly")
	}
	want = slices.Clone(want)
	for mechanism, says := range c.differs {
		i := 2*slices.Index(c.mechanisms, mechanism) + 1
		if want[i] == says {
			t.Errorf("%s: there is no difference any more", mechanism)
		}
		want[i] = says
	}
	for at := range targets {
		if said, _ := of.Load(at); at != "kafka" && !cmp.Equal(any(want), said) {
			t.Errorf("%s: what it says (-directly +here):\n%s", at, cmp.Diff(any(want), said))
		}
	}
	return want
}

// attempts are two by each mechanism, of which the second has a wrong secret. They are settings of the client's program, which says once what
// became of each.
func (c *loginClient) attempts(t *testing.T, addr, topic string, signed tokens) []string {
	t.Helper()
	entrance := stack.NewRelay(t, nil) // clients that fail from one address wait for each other
	entrance.Aim(addr)
	entrance.From(c.source())
	args := []string{entrance.Addr(), topic, "1"}
	for _, mechanism := range c.mechanisms {
		right, wrong := password, wrongPassword
		if mechanism == login.OAuthBearer {
			right, wrong = signed.good, signed.bad
		}
		args = append(args, "-/all/-/"+mechanism+"/"+right, "-/all/-/"+mechanism+"/"+wrong)
	}
	said, reports := make([]string, len(args)-3), make([]int, len(args)-3)
	for _, r := range c.run(t, args, 0) {
		if r.Setting < 0 || r.Setting >= len(said) {
			t.Errorf("%s: a report of setting %d of %d: %q", topic, r.Setting, len(said), r.Error)
			continue
		}
		reports[r.Setting]++
		mechanism := c.mechanisms[r.Setting/2]
		said[r.Setting] = anywhere(r.Error)
		if good := r.Setting%2 == 0 && !slices.Contains(c.refused, mechanism); good != (r.Error == "") {
			t.Errorf("%s, setting %d, by %s: %q", topic, r.Setting, mechanism, r.Error)
		}
		t.Logf("%s %d: %d ms, %s", topic, r.Setting, r.MS, anywhere(r.Error))
	}
	for setting, n := range reports {
		if n != 1 {
			t.Errorf("%s: %d reports of setting %d, want one", topic, n, setting)
		}
	}
	return said
}

// saidOf is what it says by each mechanism, of which those that say the same are together.
func (c *loginClient) saidOf(said []string) string {
	var texts []string
	by := map[string][]string{}
	for i, mechanism := range c.mechanisms {
		text := strings.ReplaceAll(said[2*i+1], mechanism, "…")
		if by[text] == nil {
			texts = append(texts, text)
		}
		if slices.Contains(c.refused, mechanism) {
			mechanism += " (with the right one too)"
		}
		by[text] = append(by[text], mechanism)
	}
	var rows strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&rows, "%s %s, %s\n", c.name, c.version, strings.Join(by[text], ", "))
		for line := range strings.Lines(text) {
			rows.WriteString(indented(line))
		}
	}
	return rows.String()
}

// indented is a line of a client's, begun anew at blanks where it gets too long for a document.
func indented(line string) string {
	const widest = 120
	var lines strings.Builder
	width := 0
	for word := range strings.FieldsSeq(line) {
		switch {
		case width == 0:
			lines.WriteString("  ")
			width = 2
		case width+1+len(word) > widest:
			lines.WriteString("\n    ")
			width = 4
		default:
			lines.WriteString(" ")
			width++
		}
		lines.WriteString(word)
		width += len(word)
	}
	lines.WriteString("\n")
	return lines.String()
}

// loginReport is what a client's program says of one record, or with number -1 of a whole setting.
type loginReport struct {
	Setting, Number int
	MS              int64
	Error           string
}

// run runs the client's program to its end, with so much time between records.
func (c *loginClient) run(t *testing.T, args []string, pace time.Duration) (list []loginReport) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := c.Cmd(ctx, c.Installed(t), args, []string{fmt.Sprintf("PACE_MS=%d", pace.Milliseconds())})
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v (%v)\n%s", args[1], err, ctx.Err(), log.String())
	}
	for line := range strings.Lines(out.String()) {
		var r loginReport
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%s printed %q: %v", args[1], line, err)
			continue
		}
		list = append(list, r)
	}
	return list
}

var (
	address = regexp.MustCompile(`127\.0\.0\.1:\d+|\[\('127\.0\.0\.1', \d+, .*?>\)\]`)
	elapsed = regexp.MustCompile(`\d+ ?ms\b`)
)

// anywhere is what a client says without where and when.
func anywhere(said string) string {
	return elapsed.ReplaceAllString(address.ReplaceAllString(said, "ADDRESS"), "N ms")
}

// wantStored wants the records that were sent with a right secret, and no others.
func (c *loginClient) wantStored(t *testing.T, b *broker, topic string) {
	t.Helper()
	var want, got []string
	for i, mechanism := range c.mechanisms {
		if !slices.Contains(c.refused, mechanism) {
			want = append(want, fmt.Sprintf("key-%d", 2*i*1000))
		}
	}
	for _, r := range held(t, b.KafkaCluster, topic) {
		got = append(got, string(r.Key))
	}
	if !slices.Equal(want, got) {
		t.Errorf("%s holds %q, want %q", topic, got, want)
	}
}
