package matrix

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
)

const (
	perRun       = 120 // records for each setting
	perUnmatched = 20
	perCut       = 100
	cutPace      = 10 * time.Millisecond
)

// TestMatrix has each client send in each of its settings, directly to Kafka and through the mesh, and compares what is
// stored with what was sent. The direct run proves the check and the client; what fails there is no fault of the mesh.
func TestMatrix(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, c := range clients() {
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			row := rowOf(&c)
			row.throughMesh(t, p)
			row.unmatchedTopic(t, p)
			if !full() {
				return
			}
			row.directly(t, p)
			row.brokenConnection(t, p)
			results.add(producers(kafkaVersion()), row.line())
		})
	}
}

// row is what is known of one client when it has run.
type row struct {
	*client

	settings  []setting
	mesh      []verdict
	oracle    []verdict // nil if the broker does not serve such clients
	unmatched string
	cut       string
}

func rowOf(c *client) *row { return &row{client: c, settings: c.settings()} }

// throughMesh sends to topics of two clusters at the same time.
func (r *row) throughMesh(t *testing.T, p *parts) {
	t.Helper()
	r.mesh = r.send(t, p, p.mesh.Addr, "apples-"+r.id(), "bananas-"+r.id())
	for i, v := range r.mesh {
		for _, fault := range v.faults() {
			t.Errorf("%s through the mesh: %s", r.settings[i].text, fault)
		}
	}
}

func (r *row) directly(t *testing.T, p *parts) {
	t.Helper()
	if r.messageSet && !strings.HasPrefix(kafkaVersion(), "3.") {
		return
	}
	r.oracle = r.send(t, p, p.kafka.Addr(), "direct-1-"+r.id(), "direct-2-"+r.id())
	for i, v := range r.oracle {
		for _, fault := range v.faults() {
			t.Errorf("%s directly: %s", r.settings[i].text, fault)
		}
	}
}

// delivered is how many records the client took for stored.
func delivered(said []report) int {
	n := 0
	for _, s := range said {
		if s.Error == "" {
			n++
		}
	}
	return n
}

func (r *row) send(t *testing.T, p *parts, addr string, topics ...string) []verdict {
	t.Helper()
	c := direct(t, p.kafka.Addr())
	c.create(t, topics...)
	j := job{addr: addr, topics: topics, count: perRun, settings: r.settings}
	said := r.run(t, j)
	return verify(r.client, j, said, c.read(t, delivered(said), topics...), addr == p.mesh.Addr)
}

// unmatchedTopic sends to a topic without a rule and to one with a rule in turns: all of the first fail, and the others
// are stored.
func (r *row) unmatchedTopic(t *testing.T, p *parts) {
	t.Helper()
	const unmatched = "cherries-nowhere"
	beside := "apples-beside-" + r.id()
	c := direct(t, p.kafka.Addr())
	c.create(t, beside)
	j := job{addr: p.mesh.Addr, topics: []string{beside, unmatched}, count: perUnmatched, settings: r.settings[:1]}
	failed := 0
	var first, last time.Duration
	var text string // of the first that failed
	for _, s := range r.run(t, j) {
		if s.Topic == unmatched && s.Error != "" {
			if last = time.Duration(s.MS) * time.Millisecond; failed == 0 {
				first, text = last, s.Error
			}
			failed++
		}
	}
	stored := 0
	for _, part := range c.read(t, perUnmatched/2, beside) {
		stored += len(part.records)
	}
	r.unmatched = describeUnmatched(failed, first, last, strings.Contains(text, unmatched))
	t.Logf("unmatched topic: %v to %v, beside it %d of %d stored; %q", first, last, stored, perUnmatched/2, text)
	if failed != perUnmatched/2 && r.defaultsAnswered() {
		t.Errorf("unmatched topic: %d of %d records failed", failed, perUnmatched/2)
	}
	if stored != perUnmatched/2 {
		t.Errorf("beside an unmatched topic: %d of %d records stored", stored, perUnmatched/2)
	}
}

// defaultsAnswered tells whether the client's default is to wait for answers.
func (r *row) defaultsAnswered() bool { return r.name != "kafka-go" }

// cutting keeps two clients from cutting each other's connection.
var cutting sync.Mutex

// brokenConnection closes the connections to the broker while a batch is on its way, and so its answer is lost: with the
// client's defaults, and with an idempotent producer if that is not its default.
func (r *row) brokenConnection(t *testing.T, p *parts) {
	t.Helper()
	r.cut = r.breakOnce(t, p, setting{"-/-/-", r.defaults, ""})
	if r.idempotent && !r.defaults.idempotent {
		r.cut += "; idempotent: " + r.breakOnce(t, p, setting{"-/all/on", stored{r.defaults.codec, true}, "all"})
	}
}

// breakOnce sends in one setting while the connections are closed, and describes what became of the records.
func (r *row) breakOnce(t *testing.T, p *parts, s setting) string {
	t.Helper()
	topic := "cut-" + r.id()
	if s.idempotent {
		topic += "-idempotent"
	}
	c := direct(t, p.kafka.Addr())
	c.create(t, topic)
	cutting.Lock()
	p.cut.arm()
	j := job{addr: p.mesh.Addr, topics: []string{topic}, count: perCut, settings: []setting{s}, pace: cutPace}
	said := r.run(t, j)
	broke := p.cut.disarm()
	cutting.Unlock()
	if !broke {
		t.Errorf("broken connection: it was not broken")
	}
	return r.judgeCut(t, s, said, c.read(t, delivered(said), topic))
}

// judgeCut describes what became of the records. Those that the client was told are stored must be; if it is idempotent
// all must be stored, once and in order.
func (r *row) judgeCut(t *testing.T, s setting, said []report, stored []partition) string {
	t.Helper()
	told, failed := map[int]bool{}, 0
	var text string
	for _, one := range said {
		if one.Error == "" {
			told[one.Number] = true
		} else {
			failed++
			text = one.Error
		}
	}
	times, twice, disordered := map[int]int{}, 0, 0
	for _, part := range stored {
		last := -1
		for _, rec := range part.records {
			n := driver.Number(rec.Key, rec.Value)
			if times[n]++; times[n] > 1 {
				twice++
			} else if n < last {
				disordered++
			}
			last = max(last, n)
		}
	}
	lost := 0
	for n := range told {
		if times[n] == 0 {
			lost++
		}
	}
	excused := s.idempotent && r.breaksSequences
	if lost > 0 && r.defaultsAnswered() && !excused {
		t.Errorf("broken connection: %d records were reported stored and are not", lost)
	}
	if s.idempotent && !excused && (failed > 0 || twice > 0 || disordered > 0) {
		t.Errorf("broken connection: idempotent, but %d failed, %d twice, %d in disorder: %s", failed, twice, disordered, text)
	}
	t.Logf("broken connection, %s: %d delivered, %d failed, %d lost, %d twice, %d in disorder; %q",
		s.text, len(told), failed, lost, twice, disordered, text)
	return describeCut(failed, lost, twice, disordered)
}

// TestClientsHaveNames checks that no two rows are mistaken for each other.
func TestClientsHaveNames(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, c := range clients() {
		if slices.Contains(ids, c.id()) {
			t.Errorf("two clients are called %s", c.id())
		}
		ids = append(ids, c.id())
	}
}
