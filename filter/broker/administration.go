package broker

import (
	"errors"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Access says what clients may do with topics beside writing to them and reading them. The zero value is AccessRead.
type Access uint8

// What clients may do.
const (
	AccessRead   Access = iota // see what topics' configurations are
	AccessNone                 // nothing
	AccessCreate               // AccessRead, and topics are created and get more partitions
	AccessAll                  // AccessCreate, and configurations are altered, topics and records deleted
)

// Let says what clients may do with topics. It is for before anything is served.
func (b *Broker) Let(topics Access) { b.access = topics }

// LetGroups says what clients may do with groups beside being in them: AccessRead to see them, AccessAll to delete them and their offsets. It
// is for before anything is served.
func (b *Broker) LetGroups(groups Access) { b.groups = groups }

// deniesGroups is denies for what needs AccessAll to groups.
func (b *Broker) deniesGroups(what string) (r Refusal) {
	if b.groups == AccessAll {
		return r
	}
	return Refusal{
		Code: wire.GroupAuthorizationFailed, Kind: wire.Administrators,
		Reason: "clients of this proxy may not " + what + ": see administration.groups of its configuration",
	}
}

// denies says why clients may not do what needs so much, empty if they may.
func (b *Broker) denies(needs Access, what string) string {
	if b.access != AccessNone && b.access >= needs {
		return ""
	}
	return "clients of this proxy may not " + what + ": see administration.topics of its configuration"
}

// What is held for a request of an administrator's: for each topic or other thing that it names, and each byte.
const (
	administeredCost = 512
	bodyCost         = 16
)

const (
	// maxPatience is the longest that a client may have a cluster take, and grace is what an answer may take beside.
	maxPatience = 5 * time.Minute
	grace       = 30 * time.Second
	// unsaid marks an entry that no cluster has answered. No broker answers with it.
	unsaid = math.MinInt16
)

// administration is a request of an administrator's, whose parts go to the clusters of the topics that it names. Its response has an
// entry for each of them.
type administration struct {
	*scatter

	broker   *Broker
	refusal  Refusal
	summary  Summary
	throttle int32
	// entry is where the response has the code and the message of an entry; no message if it has none.
	entry func(i int) (code *int16, message **string)
}

// administer begins a request whose response has entries and is no longer than size says.
func (b *Broker) administer(c *Call, response kmsg.Response, entry func(i int) (*int16, **string), size func() int) *administration {
	response.SetVersion(c.Header.Version)
	a := &administration{broker: b, entry: entry}
	a.scatter = newScatter(c, func() {
		if r, ok := response.(kmsg.SetThrottleResponse); ok {
			r.SetThrottle(a.throttle)
		}
		respond(c, size(), Answer{Refusal: a.refusal, Summary: a.summary}, func(dst []byte) []byte {
			return wire.AppendResponse(dst, c.Header, response)
		})
	})
	return a
}

// set gives an entry its code and message.
func (a *administration) set(i int, code wire.ErrorCode, why string) {
	to, message := a.entry(i)
	*to = int16(code)
	if message != nil && why != "" {
		*message = &why
	}
	a.Note.Fail(code, why)
}

// refuse gives an entry the facade's own answer.
func (a *administration) refuse(i int, kind wire.Kind, code wire.ErrorCode, why string) {
	a.set(i, code, why)
	a.summary.Failed++
	if a.refusal.Code == wire.None {
		a.refusal = Refusal{Code: code, Kind: kind, Reason: why}
	}
}

// spread sorts the topics of entries to the clusters where they are written. Those without one are refused, those that check refuses, and
// those with which the client may not do it.
func (a *administration) spread(
	o authorizer.Operation, n int, name func(i int) string, check func(i int) (wire.ErrorCode, string),
) (clusters []string, of map[string][]int) {
	return byCluster(n, func(i int) (cluster string, ok bool) {
		return a.place(o, i, name(i), check)
	})
}

// place is the cluster where one entry's topic is written, with which the client may do something.
func (a *administration) place(o authorizer.Operation, i int, topic string, check func(i int) (wire.ErrorCode, string)) (cluster string, ok bool) {
	if topic != "" {
		a.Note.topic(topic)
		if !a.broker.mayAdminister(a.Call, o, topic, &a.refusal) {
			a.set(i, wire.TopicAuthorizationFailed, topicDenied(o))
			a.summary.Failed++
			return "", false
		}
	}
	if code, why := check(i); code != wire.None {
		a.refuse(i, wire.Producers, code, why)
		return "", false
	}
	rule, code := a.broker.ruleOf(topic)
	if code != wire.None {
		a.broker.countUnmatched(topic)
		a.set(i, code, whyNoCluster(topic))
		a.summary.Failed++
		a.refusal.addTopic(topic, code)
		return "", false
	}
	a.Note.cluster(rule.Cluster)
	return rule.Cluster, true
}

// denyAll refuses all entries for one reason.
func (a *administration) denyAll(n int, why string) {
	for i := range n {
		a.refuse(i, wire.Administrators, wire.TopicAuthorizationFailed, why)
	}
	a.end()
}

// look asks any broker of a cluster for what entries are about. take puts into them what it says.
func (a *administration) look(cluster string, entries []int, request kmsg.Request, take func(kmsg.Response)) {
	a.ask(a.broker.upstreams[cluster].Brokers, target.Any(), request, a.Header.Version, func(r kmsg.Response, err error) {
		a.took(cluster, entries, r, err, take)
	})
}

// command has the controller of a cluster do something to what entries are about, for which the client lets it take so long. That goes on
// a connection of the client's own: what takes long holds up nobody else.
func (a *administration) command(cluster string, entries []int, request kmsg.Request, timeoutMillis int32, take func(kmsg.Response)) {
	a.begin()
	a.Client.ownOf(a.broker.upstreams[cluster].Brokers).Call(target.Controller(), request, a.Header.Version, patienceOf(timeoutMillis), func(r kmsg.Response, err error) {
		defer answerAfterPanic(a)
		a.locked(func() { a.took(cluster, entries, r, err, take) })
		a.end()
	})
}

// patienceOf is how long an answer is waited for, if the client lets the cluster take so long.
func patienceOf(timeoutMillis int32) time.Duration {
	return min(time.Duration(max(timeoutMillis, 0))*time.Millisecond, maxPatience) + grace
}

// took has take put an answer into entries, and takes down what it says of them.
func (a *administration) took(cluster string, entries []int, r kmsg.Response, err error, take func(kmsg.Response)) {
	if err != nil {
		code, why := whyUnanswered(err)
		for _, i := range entries {
			a.set(i, code, why)
			a.summary.fail(code)
		}
		return
	}
	if t, ok := r.(kmsg.ThrottleResponse); ok {
		millis, _ := t.Throttle()
		a.throttle = max(a.throttle, millis)
	}
	for _, i := range entries {
		code, _ := a.entry(i)
		*code = unsaid
	}
	take(r)
	for _, i := range entries {
		code, message := a.entry(i)
		why := ""
		if *code == unsaid {
			*code, why = int16(wire.UnknownServerError), "the topic's cluster has not said what became of it"
		} else if message != nil && *message != nil {
			why = **message
		}
		said := wire.ErrorCode(*code)
		if said == wire.NotController {
			a.broker.upstreams[cluster].Brokers.Doubt(target.Controller())
		}
		a.set(i, said, why)
		a.summary.fail(said)
	}
}

// changed has a cluster asked anew for a topic that has just become another.
func (a *administration) changed(cluster, topic string) {
	a.broker.upstreams[cluster].Cluster.Changed(topic)
}

// whyUnanswered is what a client is told when a cluster has not answered. Addresses are not for clients.
func whyUnanswered(err error) (wire.ErrorCode, string) {
	if said, ok := errors.AsType[coded](err); ok {
		return said.ErrorCode(), said.Error()
	}
	if errors.Is(err, wire.ErrVersion) {
		return wire.UnsupportedVersion, "the topic's cluster is too old to be asked for this"
	}
	return wire.RequestTimedOut, "the topic's cluster has not answered; what it has done is not known"
}

// distinct sorts n things by what they are known by: in each group are those that are the same, in the order of the first.
func distinct[K comparable](n int, key func(i int) K) (groups [][]int) {
	index := make(map[K]int, n)
	for i := range n {
		k := key(i)
		at, known := index[k]
		if !known {
			at = len(groups)
			index[k] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// sizeOf is at least what texts take in a response.
func sizeOf(texts ...*string) (n int) {
	for _, text := range texts {
		n += 5
		if text != nil {
			n += len(*text)
		}
	}
	return n
}
