package broker

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Counts is what the facade counts in. The zero Counts drops everything.
type Counts struct {
	// Rules are the metrics of the forwarding rules, by prefix, and Topics those of the topics that are counted apart, by name.
	Rules  map[string]*stats.Rule
	Topics map[string]*stats.Traffic
	// Unmatched counts the topics that requests name and no rule matches.
	Unmatched stats.Value
	// Logins are the metrics of logins by mechanism; and at "" those of clients that want another.
	Logins map[string]*stats.Login
	// Denied counts what each rule of who may do what has denied, by its place, and DeniedByNone what no rule has allowed.
	Denied       []stats.Value
	DeniedByNone stats.Value
}

// deny counts that a rule has denied something.
func (c *Counts) deny(place int) {
	switch {
	case place == authorizer.NoRule:
		c.DeniedByNone.Add(1)
	case place < len(c.Denied):
		c.Denied[place].Add(1)
	}
}

// Summary says what a request came to, for those who count and log it.
type Summary struct {
	// Topics and Partitions are how many the request names; Partitions only of Produce.
	Topics, Partitions int
	// Records and Bytes are what the batches hold that were taken for clusters.
	Records, Bytes int64
	// Acks is what a Produce asks for.
	Acks int16
	// Code is the first error that the answer tells of and that is not a refusal of the facade's; None: there is none.
	Code wire.ErrorCode
	// Failed is how many partitions, or topics of a Metadata, are answered with an error.
	Failed int
	// WaitedMicros is the longest, in microseconds, that a batch took until it was sent, and UpstreamMicros the longest from then until its
	// result.
	WaitedMicros, UpstreamMicros int64
}

// login counts a login by a mechanism, or that one has been renewed.
func (c *Counts) login(mechanism string, renewed bool) {
	switch of := c.Logins[mechanism]; {
	case of == nil:
	case renewed:
		of.Renewed.Add(1)
	default:
		of.Succeeded.Add(1)
	}
}

// loginFailed counts a login that has failed for a reason.
func (c *Counts) loginFailed(mechanism, reason string) {
	if of := c.Logins[mechanism]; of != nil {
		of.Failed(reason).Add(1)
	}
}

// routed is where the batches of one topic of a Produce go, as far as it is counted.
type routed struct {
	rule  *stats.Rule    // nil: no cluster gets them
	topic *stats.Traffic // nil: the topic is not counted apart
}

// routed is what a topic's batches count in.
func (c *Counts) routed(topic, prefix string) routed {
	r := routed{rule: c.Rules[prefix], topic: c.Topics[topic]}
	if r.rule == nil {
		r.rule = new(stats.Rule)
	}
	return r
}

// count counts the batches of one topic, which have their results.
func (r *routed) count(batches []wire.Batch) {
	for i := range batches {
		b := &batches[i]
		countBatch(&r.rule.Traffic, b)
		if r.topic != nil {
			countBatch(r.topic, b)
		}
	}
}

// countRead counts what is answered for one partition that is read.
func (r *routed) countRead(p *wire.Fetched) {
	if r.rule == nil {
		return
	}
	for _, t := range [...]*stats.Traffic{&r.rule.Traffic, r.topic} {
		switch {
		case t == nil:
		case p.Code != wire.None:
			t.ReadFailed.Add(1)
		default:
			t.ReadBytes.Add(int64(len(p.Records)))
		}
	}
}

func countBatch(t *stats.Traffic, b *wire.Batch) {
	t.Batches.Add(1)
	t.Records.Add(int64(b.Count))
	t.Bytes.Add(int64(len(b.Records)))
	if b.Result.Code != wire.None {
		t.Failed.Add(1)
	}
}

// summarize says what a Produce came to, whose batches have their results, and counts it.
func (c *produceCall) summarize() (s Summary) {
	s = Summary{Topics: len(c.request.Topics), Acks: c.request.Acks}
	for i := range c.request.Topics {
		batches := c.request.Topics[i].Batches
		s.Partitions += len(batches)
		for j := range batches {
			if batches[j].Result.Code != wire.None {
				s.Failed++
			}
		}
		if c.routes[i].rule != nil {
			c.routes[i].count(batches)
		}
	}
	for _, g := range c.groups {
		for _, b := range g.batches {
			s.add(b)
		}
	}
	c.time(time.Since(c.Received).Microseconds())
	return s
}

// time counts how long the request took, once for each of its rules, in whatever order its topics have them.
func (c *produceCall) time(took int64) {
	var first *stats.Rule
	var others map[*stats.Rule]bool
	for i := range c.routes {
		switch rule := c.routes[i].rule; {
		case rule == nil, rule == first, others[rule]:
			continue
		case first == nil:
			first = rule
		case others == nil:
			others = map[*stats.Rule]bool{rule: true}
		default:
			others[rule] = true
		}
		c.routes[i].rule.Time.Record(took)
	}
}

// fail takes note of what a cluster said of one topic.
func (s *Summary) fail(code wire.ErrorCode) {
	if code == wire.None {
		return
	}
	s.Failed++
	if s.Code == wire.None {
		s.Code = code
	}
}

// add adds a batch that was taken for a cluster.
func (s *Summary) add(b *wire.Batch) {
	s.Records += int64(b.Count)
	s.Bytes += int64(len(b.Records))
	s.WaitedMicros, s.UpstreamMicros = max(s.WaitedMicros, b.WaitedMicros), max(s.UpstreamMicros, b.UpstreamMicros)
	if s.Code == wire.None {
		s.Code = b.Result.Code
	}
}
