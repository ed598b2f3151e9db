package broker

import (
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// fetchAPI reads records of any clusters' topics.
//
// A request is taken apart by cluster, and there by leader; records go on as they came. It is answered with what is there first, as soon
// as that is min_bytes, or an error; or when max_wait is over. What has not been answered by then goes on, and is used for the client's
// next request. Each partition that is asked for is in the answer: of one without news it says what was last heard of its offsets, -1 if
// that is nothing. Java takes an answer without some of them for none (FetchSessionHandler.verifyFullFetchResponsePartitions).
//
// Topics are named as the client names them, from version 13 on by the ids that Metadata tells of. For an id that is not known all
// clusters are asked, once a second at most. Upstream versions are at most the client's. No other broker is told of (KIP-951), and no
// replica preferred (KIP-392), whatever the rack.
//
// A client may have one session (KIP-227), which ends with its connection. It is served as if each request named all of it; the answer has
// what the client does not know. When there is no room for one the session id is 0, as of a broker that has too many.
//
// Unlike a real broker, a topic without a rule gets TOPIC_AUTHORIZATION_FAILED, unless configured otherwise. When a partition's leader
// cannot be found or reached, that is tried again for as long as the client waits, and only then it gets NOT_LEADER_OR_FOLLOWER. A
// partition that is named twice is answered twice, once with records.
func fetchAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeFetch, Min: 4, Max: 18}, Decided: 18,
		Short: "records of all clusters' topics", Query: true, Serve: (*Broker).fetch,
		Laborious: func(c *Call) bool { return len(c.Body)+c.Client.fetches.unsaid() > longBody },
	}
}

// What a Fetch holds for each topic and partition, beside the frame: decoded here, in the answer, and below.
const (
	fetchTopicCost     = 256
	fetchPartitionCost = 512
)

// fetchGrace is how much longer than the client asks for an answer may take: who waits for a broker has the broker's answer come in that
// time, with the offsets in it.
const fetchGrace = 500 * time.Millisecond

// fetchCall is one Fetch request on its way.
type fetchCall struct {
	*Call

	broker  *Broker
	request wire.FetchRequest
	topics  []wire.FetchedTopic // of the answer, as the request has them
	refused []bool              // which of them the facade has refused itself
	routes  []routed            // what each counts in
	shares  []*fetchShare
	refusal Refusal
	summary Summary
	session *fetchSession // that goes on; nil: none

	mu    sync.Mutex
	begun bool   // every cluster has been asked
	done  bool   // it is answered
	stop  func() // of the timer
}

// fetchShare is what a request asks of one cluster.
type fetchShare struct {
	up       Upstream
	request  wire.FetchRequest
	into     [][]wire.Fetched
	fetching Fetching
}

func (b *Broker) fetch(c *Call) error {
	request, err := wire.DecodeFetch(c.Header.Version, c.Body)
	if err != nil {
		return err
	}
	if err := hold(c, fetchCost(request.Topics)); err != nil {
		return err
	}
	if most := c.Client.mostFetched.Load(); most > 0 { // as a broker does with what a quota's window lets through
		request.MaxBytes = min(request.MaxBytes, most)
		request.MinBytes = min(request.MinBytes, request.MaxBytes)
	}
	f := &fetchCall{Call: c, broker: b, request: request, stop: func() {}}
	f.summary.Topics = len(request.Topics)
	f.WhenNext(func() { // what is read ahead would be held until then
		defer answerAfterPanic(f)
		c.Client.fetches.begin(f)
	})
	return nil
}

// fetchCost is what is held while so much is asked for.
func fetchCost(topics []wire.FetchTopic) (size int) {
	for i := range topics {
		size += fetchTopicCost + fetchPartitionCost*len(topics[i].Partitions)
	}
	return size
}

// start has the request served; those of its kind that the client sent before it are answered.
func (f *fetchCall) start() {
	goesOn, code := f.Client.fetches.enter(f.Header.Version, &f.request)
	if code != wire.None {
		defer f.Client.fetches.end()
		f.answer(wire.FetchResponse{Code: code}, func() {})
		return
	}
	if f.session = goesOn; goesOn != nil {
		f.request.Topics = goesOn.topics()
		if err := hold(f, fetchCost(f.request.Topics)); err != nil {
			defer f.Client.fetches.end()
			f.Answer(Answer{Violation: err})
			return
		}
	}
	unknown := false
	if wire.FetchNamesByID(f.Header.Version) {
		unknown = !f.broker.ids.name(f.request.Topics)
	}
	if unknown {
		f.broker.askTopicIDs(f.Call, f.split)
		return
	}
	f.split()
}

// split asks each cluster for what it has of the topics.
func (f *fetchCall) split() {
	byID := wire.FetchNamesByID(f.Header.Version)
	if byID {
		f.broker.ids.name(f.request.Topics)
	}
	n := len(f.request.Topics)
	f.topics, f.refused, f.routes = make([]wire.FetchedTopic, n), make([]bool, n), make([]routed, n)
	shares := map[string]*fetchShare{}
	for i := range f.request.Topics {
		asked, told := &f.request.Topics[i], &f.topics[i]
		*told = wire.FetchedTopic{Name: asked.Name, ID: asked.ID, Partitions: make([]wire.Fetched, len(asked.Partitions))}
		rule, code := f.ruleOf(asked, byID)
		if code != wire.None {
			told.Refuse(asked, code)
			f.refused[i] = code != wire.UnknownTopicID
			continue
		}
		for j := range told.Partitions {
			told.Partitions[j].Partition = asked.Partitions[j].Partition
		}
		f.routes[i] = f.broker.counts.routed(asked.Name, rule.Prefix)
		share := shares[rule.Cluster]
		if share == nil {
			share = &fetchShare{up: f.broker.upstreams[rule.Cluster]}
			shares[rule.Cluster] = share
			f.shares = append(f.shares, share)
			f.Note.cluster(rule.Cluster)
		}
		share.request.Topics = append(share.request.Topics, *asked)
		share.into = append(share.into, told.Partitions)
	}
	f.ask()
}

// ruleOf is the rule of a topic, or the code for want of one.
func (f *fetchCall) ruleOf(t *wire.FetchTopic, byID bool) (r route.Rule, code wire.ErrorCode) {
	if byID && t.Name == "" {
		return r, wire.UnknownTopicID
	}
	if byID && !f.broker.seesTopic(f.Client, t.Name) {
		return r, wire.UnknownTopicID
	}
	f.Note.topic(t.Name)
	if !f.broker.may(f.Call, authorizer.Read, authorizer.Topic, t.Name, &f.refusal) {
		return r, wire.TopicAuthorizationFailed
	}
	if r, code = f.broker.readRuleOf(t.Name); code != wire.None {
		f.broker.countUnmatched(t.Name)
		f.refusal.addTopic(t.Name, code)
		return r, code
	}
	if byID && f.broker.ids.cluster(t.ID) != r.Cluster {
		return r, wire.UnknownTopicID
	}
	return r, wire.None
}

// ask begins to read.
func (f *fetchCall) ask() {
	for _, share := range f.shares {
		topics := share.request.Topics
		share.request = f.request
		share.request.Topics = topics
		if n := int32(len(f.shares)); share.request.MinBytes > 1 {
			share.request.MinBytes = (share.request.MinBytes-1)/n + 1
		}
		share.fetching = f.Client.ownOf(share.up.Brokers).Fetch(f.Header.Version, &share.request, f.review)
	}
	patience := time.Duration(max(0, f.request.MaxWaitMillis)) * time.Millisecond
	f.becomeBegun()
	if f.review(); !f.isDone() {
		f.finishAfter(patience + fetchGrace)
	}
}

// becomeBegun says that all shares are asked.
func (f *fetchCall) becomeBegun() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun = true
}

// becomeDone says that the request is being answered. first reports whether it was not before, and stop ends the wait for more.
func (f *fetchCall) becomeDone() (stop func(), first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, f.done = !f.done, true
	return f.stop, first
}

// waits reports whether all shares are asked, and the request is not answered.
func (f *fetchCall) waits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun && !f.done
}

func (f *fetchCall) isDone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// finishAfter has the request answered when its client waits no longer.
func (f *fetchCall) finishAfter(d time.Duration) {
	if stop := f.After(d, f.finish); !f.keepStop(stop) {
		stop()
	}
}

// keepStop keeps what ends the wait for more. It reports false if the request is answered already.
func (f *fetchCall) keepStop(stop func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = stop
	return !f.done
}

// review answers the request if there is enough.
func (f *fetchCall) review() {
	if f.waits() && f.hasEnough() {
		f.finish()
	}
}

// hasEnough says whether the client need not wait any longer.
func (f *fetchCall) hasEnough() bool {
	sum, all := 0, true
	for _, share := range f.shares {
		bytes, urgent, complete := share.fetching.Ready()
		if urgent {
			return true
		}
		sum += bytes
		all = all && complete
	}
	return all || sum > 0 && sum >= min(int(f.request.MinBytes), f.most())
}

// most is how many bytes of records are answered at most, but for one partition that has more.
func (f *fetchCall) most() int { return int(min(f.request.MaxBytes, maxFetched)) }

// finish answers the request with what is there, once.
func (f *fetchCall) finish() {
	stop, first := f.becomeDone()
	if !first {
		return
	}
	stop()
	defer f.Client.fetches.end()
	defer answerAfterPanic(f)
	var head wire.FetchResponse
	most, sum := f.most(), 0
	releases := make([]func(), len(f.shares))
	turn := f.Client.fetches.turn(len(f.shares))
	for i := range f.shares {
		share := f.shares[(turn+i)%len(f.shares)]
		bytes, throttle, release := share.fetching.Take(most-sum, sum == 0, share.into)
		sum += bytes
		head.ThrottleMillis = max(head.ThrottleMillis, throttle)
		releases[i] = release
	}
	release := sync.OnceFunc(func() {
		for _, release := range releases {
			release()
		}
	})
	defer func() {
		if reason := recover(); reason != nil { // nobody gets the records
			release()
			panic(reason)
		}
	}()
	head.SessionID = f.tellSession()
	f.answer(head, release)
}

// tellSession has the session of the request know what is answered, and leaves that in the answer which the client is to be told. It
// returns the session's id.
func (f *fetchCall) tellSession() int32 {
	switch {
	case f.session != nil:
		f.leaveOut()
		return f.session.id
	case f.request.SessionEpoch == wire.SessionInitial:
		return f.Client.fetches.open(f.broker.memory, f.Header.Version, &f.request, f.topics)
	default:
		return 0
	}
}

// leaveOut leaves out of the answer what the client knows.
func (f *fetchCall) leaveOut() {
	topics, left := 0, 0 // which are left, and partitions of the last of them
	last := -1
	f.session.tell(f.topics, func(i int, p *wire.Fetched) {
		told := *p
		if i != last {
			last = i
			f.topics[topics], f.refused[topics], f.routes[topics] = f.topics[i], f.refused[i], f.routes[i]
			topics, left = topics+1, 0
		}
		t := &f.topics[topics-1]
		t.Partitions = append(t.Partitions[:left], told)
		left++
	})
	f.topics = f.topics[:topics]
	f.summary.Topics = topics
}

// maxFetched is how many bytes of records are answered at most, but for one partition that has more.
const maxFetched = 64 << 20

// answer answers the request. release is called once nobody reads the records any more.
func (f *fetchCall) answer(head wire.FetchResponse, release func()) {
	f.conclude()
	size, _ := wire.FetchResponseSize(f.topics)
	if err := hold(f, size); err != nil {
		release()
		f.Answer(Answer{Violation: err})
		return
	}
	parts := wire.AppendFetchResponse(nil, f.Header, head, f.topics, size)
	f.Answer(Answer{Frame: parts[0], Parts: parts[1:], Release: release, Refusal: f.refusal, Summary: f.summary})
}

// conclude says what the request came to.
func (f *fetchCall) conclude() {
	for i := range f.topics {
		t := &f.topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			f.summary.Partitions++
			f.summary.Bytes += int64(len(p.Records))
			f.routes[i].countRead(p)
			f.Note.Fail(p.Code, "")
			switch {
			case p.Code == wire.None:
			case f.refused[i]:
				f.summary.Failed++
			default:
				f.summary.fail(p.Code)
			}
		}
	}
}
