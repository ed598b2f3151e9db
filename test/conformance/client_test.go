package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// clientID is in the header of what all clients send.
const clientID = "conformance"

// client is one client of one target, and what it has seen.
type client struct {
	*rawkafka.Conn

	t          *testing.T
	target     *target
	lines      []string
	partitions map[string]string // of the plain topic, as they are → as they are shown
	closed     bool
	hurry      bool // a broker does not answer, so it is not waited for
}

func newClient(t *testing.T, target *target) *client {
	t.Helper()
	c, err := rawkafka.Dial(target.addr, clientID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{Conn: c, t: t, target: target, partitions: map[string]string{}}
}

// say notes a line.
func (c *client) say(format string, args ...any) {
	c.lines = append(c.lines, c.anonymous(fmt.Sprintf(format, args...)))
}

// topic is the name of the target's own topic of a kind.
func (c *client) topic(kind string) string { return c.target.topic(kind) }

// partition is one of the plain topic that nobody has used, shown as 0, 1 and so on.
func (c *client) partition() int32 {
	c.t.Helper()
	c.target.mu.Lock()
	defer c.target.mu.Unlock()
	p := c.target.next
	if c.target.next++; c.target.next > plainPartitions {
		c.t.Fatal("the plain topic has too few partitions")
	}
	c.partitions[strconv.Itoa(int(p))] = strconv.Itoa(len(c.partitions))
	return p
}

var (
	plainPartition = regexp.MustCompile(`\bplain([-/])(\d+)`)
	timeRange      = regexp.MustCompile(`within \[-?\d+, \d+\]`)
)

// anonymous takes out of text what is the target's own: the names of its topics, the numbers of its partitions, times.
func (c *client) anonymous(text string) string {
	text = regexp.MustCompile(`\b([a-z]+)-`+c.target.name+`\b`).ReplaceAllString(text, "$1")
	text = timeRange.ReplaceAllString(text, "within […]")
	return plainPartition.ReplaceAllStringFunc(text, func(s string) string {
		number := strings.TrimLeft(s, "plain-/")
		if shown, ok := c.partitions[number]; ok {
			return strings.TrimSuffix(s, number) + shown
		}
		return s
	})
}

// send writes requests, all at once.
func (c *client) send(reqs ...kmsg.Request) {
	var out []byte
	for _, r := range reqs {
		out = append(out, c.Frame(r)...)
	}
	c.raw(out)
}

// raw writes bytes. A peer that has closed already is met by reading.
func (c *client) raw(b []byte) { _, _ = c.Write(b) }

// receive reads the answer to a request, and notes it.
func (c *client) receive(req kmsg.Request, id int32) {
	if resp := c.answer(req, req.GetVersion(), id); resp != nil {
		c.show(resp)
	}
}

// answer reads the answer to a request, and notes only what is wrong with it.
//
//nolint:ireturn // its type depends on the request's
func (c *client) answer(req kmsg.Request, version int16, id int32) kmsg.Response {
	if c.closed {
		return nil
	}
	if c.hurry && !c.target.mesh() {
		c.must(c.SetReadDeadline(time.Now().Add(2 * time.Second)))
	}
	got, body, err := c.ReadBody()
	if err != nil {
		c.lost(err)
		return nil
	}
	if got != id {
		c.say("an answer with correlation id %d to request %d", got, id)
		return nil
	}
	resp, err := rawkafka.Decode(req, version, body)
	if err != nil {
		c.say("an answer that does not parse: %v: %x", err, body)
		return nil
	}
	return resp
}

// lost notes the end of the connection.
func (c *client) lost(err error) {
	c.closed = true
	if isTimeout(err) {
		c.say("no answer")
		return
	}
	c.say("closed")
}

// ask sends a request and notes the answer.
func (c *client) ask(req kmsg.Request) {
	c.send(req)
	c.receive(req, c.Last)
}

// asks is ask for each version of a range, and says for which versions the answer was what. A connection that is closed is
// replaced.
func (c *client) asks(from, to int16, req func(version int16) kmsg.Request) {
	before := c.lines
	var first int16
	var answer []string
	note := func(last int16) {
		for _, line := range answer {
			versions := fmt.Sprintf("v%d", first)
			if first < last {
				versions += fmt.Sprintf("–v%d", last)
			}
			before = append(before, versions+": "+line)
		}
	}
	for v := from; v <= to; v++ {
		if c.closed {
			c.again()
		}
		c.lines = nil
		r := req(v)
		r.SetVersion(v)
		c.ask(r)
		if !slices.Equal(c.lines, answer) {
			note(v - 1)
			first, answer = v, c.lines
		}
	}
	note(to)
	c.lines = before
}

// again connects anew.
func (c *client) again() {
	fresh := newClient(c.t, c.target)
	c.Conn, c.closed = fresh.Conn, false
}

// end tells whether the connection lives: it asks something simple, and nothing else is answered before.
func (c *client) end() {
	if c.closed {
		return
	}
	req := kmsg.NewPtrApiVersionsRequest()
	c.send(req)
	if c.answer(req, 0, c.Last) != nil && len(c.lines) == 0 {
		c.say("lives")
	}
}
