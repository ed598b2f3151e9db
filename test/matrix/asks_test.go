package matrix

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// question is something that clients do besides producing. Programs take it as NAME=TOPIC.
type question struct {
	title  string // of its column in the document
	name   string
	topic  string // the topic with records and a rule if empty
	refuse bool   // whether the mesh must refuse it
	direct bool   // whether a broker is asked too
	slow   bool   // whether the client waits long before it says something: only with MATRIX=full
}

const (
	unruled    = "cherries-alone"
	unnameable = "apples no such name!"
	downTopic  = "down-asks"
)

func questions() []question {
	return []question{
		{title: "all topics", name: "topics", direct: true},
		{title: "a topic", name: "topic", direct: true},
		{title: "a name that no topic can have", name: "topic", topic: unnameable, direct: true},
		{title: "no rule: asked for", name: "topic", topic: unruled, refuse: true},
		{title: "no rule: sent to", name: "send", topic: unruled, refuse: true},
		{title: "cluster down: asked for", name: "topic", topic: downTopic, direct: true},
		{title: "cluster down: sent to", name: "send", topic: downTopic, direct: true, slow: true},
		{title: "ten connections", name: "reconnect", direct: true},
		{title: "create a topic", name: "create", topic: "apples-created-", direct: true},
		{title: "describe the cluster", name: "cluster", direct: true},
		{title: "consume", name: "consume", direct: true},
	}
}

// saying is what a client said to a question: an answer, or else an error.
type saying struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Error    string `json:"error"`
	MS       int64  `json:"ms"`
}

// inShort tells whether `make test` asks the client: of Java the newest and the oldest.
func (c *client) inShort() bool {
	return c.name != "java" || slices.Contains([]string{"java-4.3.1", "java-0.11.0.3"}, c.id())
}

// TestAsks has each client do what clients do besides producing. With MATRIX=full it does so directly too; what it says of a
// topic, of a name that cannot be and of a new connection must be the same.
func TestAsks(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, c := range clients() {
		if c.asks == nil || !full() && !c.inShort() {
			continue
		}
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			topic := "apples-asks-" + c.id()
			kafka := direct(t, p.kafka.Addr())
			kafka.create(t, topic)
			if err := kafka.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			said := c.ask(t, p.mesh.Addr, topic, c.questions())
			c.judge(t, topic, said)
			if !full() {
				return
			}
			of := c.askDirectly(t, p, topic)
			for i, q := range c.questions() {
				if d := cmp.Or(of[i].Error, "ok"); q.sameAsBroker() && brief(d) != brief(cmp.Or(said[i].Error, "ok")) {
					t.Errorf("%s: says %q through the mesh, %q directly", q.title, said[i].Error, of[i].Error)
				}
			}
			if kafkaVersion() == stack.KafkaVersion {
				results.add(asked(), c.askedRow(said, of))
			}
		})
	}
}

// questions are those that the client can be asked.
func (c *client) questions() []question {
	return slices.DeleteFunc(questions(), func(q question) bool {
		return slices.Contains(c.cannot, q.name) || q.slow && !full()
	})
}

// sameAsBroker tells whether the client must say the same of the mesh as of a broker.
func (q question) sameAsBroker() bool {
	return q.name == "reconnect" || q.name == "topics" || q.name == "topic" && q.topic != downTopic && q.topic != unruled
}

// ask asks a client's program questions and gives what it said, in their order.
func (c *client) ask(t *testing.T, addr, topic string, list []question) []saying {
	t.Helper()
	args := []string{addr}
	for _, q := range list {
		about := cmp.Or(q.topic, topic)
		if q.name == "create" {
			about += c.id()
		}
		args = append(args, q.name+"="+about)
	}
	var said []saying
	for line := range strings.Lines(output(t, c.asks, c.id(), 0, args)) {
		var s saying
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s printed %q: %v", c.id(), line, err)
		}
		said = append(said, s)
	}
	if len(said) != len(list) {
		t.Fatalf("%s said %d things to %d questions", c.id(), len(said), len(list))
	}
	for i, s := range said {
		t.Logf("%s, %s: %q %q, %d ms", addr, list[i].title, shortened(s.Answer), s.Error, s.MS)
	}
	return said
}

// askDirectly asks a broker what the mesh was asked, and in place of the cluster that is down, a broker that is.
func (c *client) askDirectly(t *testing.T, p *parts, topic string) []saying {
	t.Helper()
	of := make([]saying, len(c.questions()))
	for addr, down := range map[string]bool{p.kafka.Addr(): false, p.mesh.Clusters[downCluster].Bootstrap: true} {
		var list []question
		var at []int
		for i, q := range c.questions() {
			if q.direct && (q.topic == downTopic) == down {
				if q.name == "create" {
					q.topic = "direct-created-"
				}
				list, at = append(list, q), append(at, i)
			}
		}
		for i, s := range c.ask(t, addr, topic, list) {
			of[at[i]] = s
		}
	}
	return of
}

// judge checks what a client said of the mesh.
func (c *client) judge(t *testing.T, topic string, said []saying) {
	t.Helper()
	refused := regexp.MustCompile(`(?i)authoriz`)
	for i, q := range c.questions() {
		s := said[i]
		switch {
		case q.name == "topics":
			names := strings.Fields(s.Answer)
			if !slices.Contains(names, topic) {
				t.Errorf("%s: %q, %q: without %s", q.title, shortened(s.Answer), s.Error, topic)
			}
			for _, name := range names {
				if !strings.HasPrefix(name, "apples") && !strings.HasPrefix(name, "bananas") && !strings.HasPrefix(name, "cut") {
					t.Errorf("%s: %s has no rule", q.title, name)
				}
			}
		case q.name == "topic" && q.topic == "" && s.Answer != "2 partitions":
			t.Errorf("%s: %q, %q", q.title, s.Answer, s.Error)
		case q.name == "reconnect" && s.Error != "":
			t.Errorf("%s: %s", q.title, s.Error)
		case q.refuse && !refused.MatchString(s.Error) && (q.name != "topic" || !c.bare):
			t.Errorf("%s: %q, %q, want that it is not authorized", q.title, s.Answer, s.Error)
		case q.topic == downTopic && q.name == "send" && s.Error == "":
			t.Errorf("%s: %q", q.title, s.Answer)
		case q.name == "create" && s.Error == "":
			t.Errorf("%s: %q", q.title, s.Answer)
		}
	}
}

// asked is the table of what clients do besides producing.
func asked() *table {
	titles := []string{"client", "version"}
	for _, q := range questions() {
		titles = append(titles, q.title)
	}
	t := &table{
		name: "besides", title: "Besides producing, Kafka " + stack.KafkaVersion,
		header: "| " + strings.Join(titles, " | ") + " |\n|" + strings.Repeat("---|", len(titles)) + "\n",
	}
	for _, c := range clients() {
		if c.asks != nil {
			t.keys = append(t.keys, rowKey(c.name, c.version))
		}
	}
	return t
}

// askedRow is what a client said through the mesh and, where it is something else, directly.
func (c *client) askedRow(said, of []saying) string {
	cells := map[string]string{}
	for i, q := range c.questions() {
		mesh, direct := brief(cmp.Or(said[i].Error, "ok")), brief(cmp.Or(of[i].Error, "ok"))
		if q.direct && mesh != direct {
			mesh += "; directly: " + direct
		}
		cells[q.title] = mesh
	}
	var row []string
	for _, q := range questions() {
		row = append(row, cmp.Or(cells[q.title], "–"))
	}
	return rowKey(c.name, c.version) + " " + strings.Join(row, " | ") + " |\n"
}

func shortened(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}

var (
	kafkaCode = regexp.MustCompile(`code=([A-Z_]+)`)
	className = regexp.MustCompile(`^([A-Za-z]+Exception): .*`)
	errorNo   = regexp.MustCompile(`^\[Error \d+\] |^\(\d+, |-?[0-9]{2,}`)
)

// brief is an error without what differs from run to run, and short enough for a cell.
func brief(text string) string {
	if found := kafkaCode.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	if found := className.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "RuntimeError: "), ". ")
	text = errorNo.ReplaceAllString(strings.TrimPrefix(text, "% ERROR: "), "")
	if len(text) > 70 {
		text = text[:70] + "…"
	}
	return strings.NewReplacer("|", "/", "\n", " ", "<", "(", ">", ")").Replace(text)
}
