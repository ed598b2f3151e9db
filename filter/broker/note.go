package broker

import (
	"slices"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What a Note names at most.
const (
	notedTopics   = 5
	notedClusters = 8
	notedErrors   = 5
	// How many bytes of a name and of a reason are kept: more than an access log shows, so that it knows that there was more.
	notedName   = wire.MaxTopicName + 1
	notedReason = 513
)

// Note is what the access log tells of a request beside its Summary. Who serves the request takes it down before it is answered, one
// goroutine at a time. It has room for all that it may hold: nothing is allocated but for names that no topic can have. A nil Note is that nobody wants to know.
type Note struct {
	topics   [notedTopics]string
	clusters [notedClusters]string
	errors   [notedErrors]CodeCount
	// How many of them there are.
	topicCount, clusterCount, errorCount int

	reason string

	rule    string // that has decided who may do what; empty: there are no rules, or none was asked
	allowed bool
}

// CodeCount is how often an error code was answered.
type CodeCount struct {
	Code  wire.ErrorCode
	Count int
}

// Topics are the first topics that the request names.
func (n *Note) Topics() []string { return n.topics[:n.topicCount] }

// Clusters are those that had to do with the request, in the order of their names.
func (n *Note) Clusters() []string { return n.clusters[:n.clusterCount] }

// Errors are the codes that were answered, in the order of their first times.
func (n *Note) Errors() []CodeCount { return n.errors[:n.errorCount] }

// Reason says more of the first error that there is more to say of.
func (n *Note) Reason() string { return n.reason }

// Decision is what rules of who may do what have said of the request: the first that has denied something, or else the first that has
// allowed something. Without a rule, there are none, or none was asked.
func (n *Note) Decision() (rule string, allowed bool) { return n.rule, n.allowed }

// Fail takes down an error that was answered, and why. None is no error.
func (n *Note) Fail(code wire.ErrorCode, reason string) {
	if n == nil || code == wire.None {
		return
	}
	if n.reason == "" {
		n.reason = short(reason, notedReason)
	}
	for i := range n.Errors() {
		if n.errors[i].Code == code {
			n.errors[i].Count++
			return
		}
	}
	if n.errorCount < notedErrors {
		n.errors[n.errorCount] = CodeCount{code, 1}
		n.errorCount++
	}
}

// Refused takes down what the facade has refused, if the errors do not say so already.
func (n *Note) Refused(r Refusal) {
	if n.errorCount == 0 {
		n.Fail(r.Code, r.Why())
	}
	if n.reason == "" {
		n.reason = r.Why()
	}
}

// decide takes down a decision.
func (n *Note) decide(rules *authorizer.Rules, d authorizer.Decision) {
	if n != nil && (n.rule == "" || n.allowed && !d.Allowed) {
		n.rule, n.allowed = rules.Name(d.Rule), d.Allowed
	}
}

// explain says more of a denial.
func (n *Note) explain(d *Denial) {
	if n != nil && n.reason == "" {
		n.reason = d.Why()
	}
}

// topic takes down a topic that the request names.
func (n *Note) topic(name string) {
	if n != nil && n.topicCount < notedTopics {
		n.topics[n.topicCount] = short(name, notedName)
		n.topicCount++
	}
}

// cluster takes down a cluster that a part of the request goes to.
func (n *Note) cluster(name string) {
	if n == nil || n.clusterCount == notedClusters {
		return
	}
	at, known := slices.BinarySearch(n.Clusters(), name)
	if known {
		return
	}
	copy(n.clusters[at+1:], n.clusters[at:n.clusterCount])
	n.clusters[at] = name
	n.clusterCount++
}

// short is the beginning of s, which does not keep the rest.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.Clone(s[:n])
}

// note takes down what a Produce came to, whose batches have their results.
func (c *produceCall) note() {
	if c.Note == nil {
		return
	}
	for i := range c.request.Topics {
		topic := &c.request.Topics[i]
		c.Note.topic(topic.Name)
		for j := range topic.Batches {
			r := &topic.Batches[j].Result
			c.Note.Fail(r.Code, r.Message)
		}
	}
}

// note takes down what a Metadata is answered.
func (m *metadataCall) note() {
	if m.Note == nil {
		return
	}
	named := m.summary.Topics > 0
	for i := range m.response.Topics {
		topic := &m.response.Topics[i]
		if named {
			m.Note.topic(topic.Name)
		}
		m.Note.Fail(topic.Code, "")
	}
}
