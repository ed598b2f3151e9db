package broker

import (
	"fmt"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// produceAPI sends batches on.
//
// Every batch goes whole to the cluster that its topic's rule names, all clusters at the same time, and every partition
// gets its own answer. Versions 0 to 2 carry message sets of magic 0 and 1, from producers older than Kafka 0.11: each is
// converted to one batch (record.Converter), the only place where records are opened.
//
// As a real broker: acks other than -1, 0 and 1 get INVALID_REQUIRED_ACKS; a request with acks=0 gets no answer, and if
// one of its batches fails, the connection is closed. Unlike one: version 13, which names topics by id, is not listed;
// a batch is checked before it shares a connection upstream with those of other clients (see package record); a name that no
// topic can have gets INVALID_TOPIC_EXCEPTION; a topic without a rule gets TOPIC_AUTHORIZATION_FAILED, unless configured otherwise,
// because every client gives up on that at once and names the topic; a transactional request gets
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED, as from a broker that does not allow it.
//
// acks=0 goes upstream as acks=1: on a connection shared by many clients, that is the only way to know whose batch
// failed. KIP-98 (idempotence), KIP-467 (record errors), KIP-951 (the current leader is always node 0; NodeEndpoints are never sent).
func produceAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeProduce, Min: 0, Max: 12}, Decided: 13,
		Short:     "batches go on whole to the cluster of their topic",
		Laborious: func(c *Call) bool { return c.Header.Version < firstWithBatches },
		Serve:     (*Broker).produce,
	}
}

// firstWithBatches is the first version without message sets.
const firstWithBatches = 3

// What the message sets of one request may decompress to: so much, and so many times the length of the request, but no more than
// the most. Text rarely shrinks to less than a fiftieth.
const (
	leastDecompressed = 1 << 20
	decompressedRatio = 128
	mostDecompressed  = 32 << 20
)

// produceCall is one Produce request on its way.
type produceCall struct {
	*Call

	request  wire.ProduceRequest
	left     atomic.Int32 // clusters that have not answered, and one for the request itself
	throttle atomic.Int32
	groups   []clusterBatches
	routes   []routed // of each topic of the request
	refusal  Refusal

	// What most requests need: room for one batch of one cluster.
	group [1]clusterBatches
	batch [1]*wire.Batch
	route [1]routed
}

// clusterBatches is what one request holds for one cluster.
type clusterBatches struct {
	cluster Cluster
	fences  *order.Fences
	batches []*wire.Batch
}

func (b *Broker) produce(c *Call) error {
	request, err := wire.DecodeProduce(c.Header.Version, c.Body)
	if err != nil {
		return err
	}
	if err := hold(c, decodedCost(&request)); err != nil {
		return err
	}
	call := &produceCall{Call: c, request: request}
	groups, err := b.assign(call)
	if err != nil {
		return err
	}
	for i := range groups {
		groups[i].fences = c.Client.fencesOf(groups[i].cluster)
	}
	call.groups = groups
	call.left.Store(int32(len(groups)) + 1)
	acks := request.Acks
	if acks == 0 {
		acks = 1
	}
	for _, g := range groups {
		g.cluster.Produce(g.fences, g.batches, acks, request.TimeoutMillis, call.finish)
	}
	call.finish(0)
	return nil
}

// decodedCost is what a request with more than one topic or batch holds for the others.
func decodedCost(r *wire.ProduceRequest) int {
	n := topicCost * len(r.Topics)
	for i := range r.Topics {
		n += len(r.Topics[i].Name) + batchCost*len(r.Topics[i].Batches)
	}
	return max(0, n-topicCost-batchCost)
}

// assign gives every batch that may go on to its cluster, and every other its error.
func (b *Broker) assign(call *produceCall) ([]clusterBatches, error) {
	call.routes = call.route[:]
	if len(call.request.Topics) > 1 {
		call.routes = make([]routed, len(call.request.Topics))
	}
	if refused, message := refusal(&call.request); refused.Code != wire.None {
		call.refusal = refused
		for i := range call.request.Topics {
			failAll(call.request.Topics[i].Batches, refused.Code, message)
		}
		return nil, nil
	}
	var sets *record.Converter
	if call.Header.Version < firstWithBatches {
		sets, _ = b.converters.Get().(*record.Converter)
		sets.Limit = min(mostDecompressed, leastDecompressed+decompressedRatio*len(call.Body))
		defer b.converters.Put(sets)
	}
	groups := call.group[:0]
	var unmatched names
	for i := range call.request.Topics {
		topic := &call.request.Topics[i]
		rule, code, why := call.ruleOf(b, topic.Name, &unmatched)
		if code != wire.None {
			failAll(topic.Batches, code, why)
			continue
		}
		call.routes[i] = b.counts.routed(topic.Name, rule.Prefix)
		to := -1
		for j := range topic.Batches {
			batch := &topic.Batches[j]
			switch ready, err := call.prepare(sets, batch); {
			case err != nil:
				return nil, err
			case !ready:
				continue
			}
			if to < 0 {
				call.Note.cluster(rule.Cluster)
				groups, to = groupOf(groups, b.upstreams[rule.Cluster].Cluster, call.batch[:0])
			}
			groups[to].batches = append(groups[to].batches, batch)
		}
	}
	return groups, nil
}

// ruleOf is the rule of a topic that the client may write to; or the code, and the message, that it is told. unmatched are the topics without
// a rule so far.
func (c *produceCall) ruleOf(b *Broker, topic string, unmatched *names) (r route.Rule, code wire.ErrorCode, why string) {
	if !b.may(c.Call, authorizer.Write, authorizer.Topic, topic, &c.refusal) {
		return r, wire.TopicAuthorizationFailed, "" // a broker has no words for it either
	}
	if r, code = b.ruleOf(topic); code == wire.None {
		return r, code, ""
	}
	if unmatched.add(topic) {
		b.countUnmatched(topic)
		c.refusal.addTopic(topic, code)
	}
	return r, code, c.messageFor(topic)
}

// failAll gives all batches the same result.
func failAll(batches []wire.Batch, code wire.ErrorCode, message string) {
	failed := wire.Failed(code, message)
	for i := range batches {
		batches[i].Result = failed
	}
}

// messageFor is what a client is told of a topic that has no cluster: nothing in versions that have no messages, unless the client
// is to be disconnected for it.
func (c *produceCall) messageFor(topic string) string {
	if c.Header.Version < 8 && c.request.Acks != 0 {
		return ""
	}
	return whyNoCluster(topic)
}

// whyNoCluster says why a topic has no cluster.
func whyNoCluster(topic string) string {
	if !wire.ValidTopicName(topic) {
		return "no topic can have the name " + quote(topic)
	}
	return "no forwarding rule of this proxy matches topic " + quote(topic)
}

// prepare makes the records of batch one batch of magic 2 that may go on, or gives batch its result and says no. sets is
// nil from version 3 on.
func (c *produceCall) prepare(sets *record.Converter, batch *wire.Batch) (ready bool, err error) {
	if sets != nil {
		converted, code, message := sets.Convert(batch.Records)
		if len(converted) == 0 { // refused, or an empty set: None, and stored at no offset
			c.decline(batch, code, message)
			return false, nil
		}
		if !c.Hold(len(converted)) {
			return false, noRoom(len(converted))
		}
		batch.Records = converted
	}
	header, code, message := record.Check(c.Header.Version, batch.Records)
	if code != wire.None {
		c.decline(batch, code, message)
		return false, nil
	}
	batch.Records = record.Trim(batch.Records)
	batch.Count = header.Records(len(batch.Records))
	return true, nil
}

// decline gives a batch that does not go on its result.
func (c *produceCall) decline(batch *wire.Batch, code wire.ErrorCode, message string) {
	batch.Result = wire.Failed(code, message)
	if code != wire.None && c.refusal.Code == wire.None {
		c.refusal = Refusal{Code: code, Reason: fmt.Sprintf("topic %s partition %d: %s", quote(batch.Topic), batch.Partition, message)}
	}
}

// groupOf finds the group of c, or appends one. room is for the batches of the first.
func groupOf(groups []clusterBatches, c Cluster, room []*wire.Batch) ([]clusterBatches, int) {
	for i := range groups {
		if groups[i].cluster == c {
			return groups, i
		}
	}
	g := clusterBatches{cluster: c}
	if len(groups) == 0 {
		g.batches = room
	}
	return append(groups, g), len(groups)
}

// refusal says why a request is refused as a whole, with what its client is told; no code if it is not.
func refusal(r *wire.ProduceRequest) (refused Refusal, message string) {
	switch {
	case r.Acks < -1 || r.Acks > 1:
		message = fmt.Sprintf("acks is %d; a producer may ask for -1, 0 or 1", r.Acks)
		return Refusal{Code: wire.InvalidRequiredAcks, Reason: message}, message
	case r.TransactionalID != nil:
		return Refusal{Code: wire.TransactionalIDAuthorizationFailed, Kind: wire.Transactions}, noTransactions
	default:
		return Refusal{}, ""
	}
}

// finish counts one part of the request as answered; the last one answers the client.
func (c *produceCall) finish(throttleMillis int32) {
	for {
		longest := c.throttle.Load()
		if throttleMillis <= longest || c.throttle.CompareAndSwap(longest, throttleMillis) {
			break
		}
	}
	if c.left.Add(-1) > 0 {
		return
	}
	defer answerAfterPanic(c)
	c.Answer(c.answer())
}

func (c *produceCall) answer() Answer {
	summary := c.summarize()
	c.note()
	a := c.respond()
	a.Summary = summary
	return a
}

// respond makes the answer of a request whose batches have their results.
func (c *produceCall) respond() Answer {
	if err := c.orderLost(); err != nil {
		return Answer{Violation: err}
	}
	if c.request.Acks == 0 {
		return Answer{Violation: c.firstFailure(), Refusal: c.refusal}
	}
	size := wire.ProduceResponseSize(c.Header.Version, c.request.Topics)
	if err := hold(c, size); err != nil {
		return Answer{Violation: err}
	}
	return Answer{Frame: wire.AppendProduceResponse(make([]byte, 0, size), c.Header, c.request.Topics, c.throttle.Load()), Refusal: c.refusal}
}

// orderLost is the reason to close the connection of a client for which no more can be remembered of what it has to send again.
func (c *produceCall) orderLost() error {
	for _, g := range c.groups {
		if g.fences.Overflowed() {
			return &wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: fmt.Sprintf("too many partitions and producers have batches "+
				"to be sent again: more than %d of one connection, or more of a worker's together than can be remembered", order.MaxFences)}
		}
	}
	return nil
}

// firstFailure is the reason to close the connection of a client that asked for no answer.
func (c *produceCall) firstFailure() error {
	for _, topic := range c.request.Topics {
		for i := range topic.Batches {
			if r := &topic.Batches[i].Result; r.Code != wire.None {
				return &wire.Violation{Reason: wire.ReasonProduceFailed, Detail: fmt.Sprintf(
					"topic %s partition %d with acks=0: %s %s", quote(topic.Name), topic.Batches[i].Partition, r.Code, wire.Clip(r.Message, maxSaid))}
			}
		}
	}
	return nil
}
