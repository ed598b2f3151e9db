package metrics

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// clientID is in the header of what all clients send.
const clientID = "metrics"

// client is a client whose every request is expected to count.
type client struct {
	*rawkafka.Client

	w *world
}

// connect connects a client that does not say what software it is.
func (w *world) connect() *client {
	w.t.Helper()
	w.add("clients.unnamed.connections", 1)
	return w.dial()
}

// connectAs connects a client of some software.
func (w *world) connectAs(name string) *client {
	w.t.Helper()
	w.add("clients."+software()[name]+".connections", 1)
	c := w.dial()
	c.ask(rawkafka.APIVersions(name, "1.0"))
	return c
}

func (w *world) dial() *client {
	w.t.Helper()
	w.add("connections", 1)
	return &client{rawkafka.Connect(w.t, w.addr, clientID), w}
}

// versionOf is what the names of an API's version begin with.
func versionOf(api string, version int16) string { return fmt.Sprintf("api.%s.v%d.", api, version) }

// nameOf is an API's name in metrics.
func nameOf(req kmsg.Request) string {
	all := apis()
	return all[slices.IndexFunc(all, func(a api) bool { return int16(a.key) == req.Key() })].name
}

// scope is what the names of the version of a request begin with.
func scope(req kmsg.Request) string { return versionOf(nameOf(req), req.GetVersion()) }

// sent expects a request to count that is sent.
func (w *world) sent(req kmsg.Request) {
	w.add("requests."+nameOf(req), 1)
	w.add(scope(req)+"requests", 1)
	w.add("access_log.written", 1)
}

// answered expects the answer to a request to count.
func (w *world) answered(req kmsg.Request) { w.add("request_time_us."+nameOf(req), 1) }

// failed and refused expect a request to count as such.
func (w *world) failed(req kmsg.Request)  { w.add(scope(req)+"failures", 1) }
func (w *world) refused(req kmsg.Request) { w.add(scope(req)+"refusals", 1) }

// ask sends a request and reads its answer.
//
//nolint:ireturn // its type depends on the request's
func (c *client) ask(req kmsg.Request) kmsg.Response {
	c.w.t.Helper()
	c.w.sent(req)
	resp := c.Ask(req)
	c.w.answered(req)
	return resp
}

// part is what a Produce has for one partition, and what is to come of it.
type part struct {
	topic     string
	partition int32
	batch     []byte
	records   int   // in the batch
	size      int   // of what counts, if that is not the batch as it is
	code      int16 // its result
	declined  bool  // the mesh does not give it to its cluster
	unsent    bool  // the cluster is not sent it
}

// length is how many bytes it counts as.
func (p *part) length() int64 {
	if p.size > 0 {
		return int64(p.size)
	}
	return int64(len(p.batch))
}

// request is a Produce of some parts, those of one topic next to each other.
func request(version, acks int16, parts ...part) *kmsg.ProduceRequest {
	req := rawkafka.Produce(version, acks, "", 0, nil)
	req.Topics = nil
	for _, p := range parts {
		of := kmsg.NewProduceRequestTopicPartition()
		of.Partition, of.Records = p.partition, p.batch
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			req.Topics = append(req.Topics, kmsg.ProduceRequestTopic{Topic: p.topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, of)
	}
	return req
}

// produce sends a Produce, and wants each part to have its result.
func (c *client) produce(version int16, parts ...part) *kmsg.ProduceResponse {
	c.w.t.Helper()
	req := request(version, -1, parts...)
	resp := c.ask(req).(*kmsg.ProduceResponse)
	c.w.wantCodes(resp, parts)
	c.w.produced(req, parts...)
	return resp
}

// wantCodes looks at the results in an answer.
func (w *world) wantCodes(resp *kmsg.ProduceResponse, parts []part) {
	w.t.Helper()
	var got []int16
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			got = append(got, p.ErrorCode)
		}
	}
	want := make([]int16, len(parts))
	for i := range parts {
		want[i] = parts[i].code
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("a Produce of %+v is answered %v, want %v", parts, got, want)
	}
}

// produced expects the parts of a Produce to count that have their results.
func (w *world) produced(req *kmsg.ProduceRequest, parts ...part) {
	unmatched, rules := map[string]bool{}, map[string]bool{}
	given := map[string]*cargo{}
	failed, refused := false, false // acks=0: the connection is closed for either
	for i := range parts {
		p := &parts[i]
		cluster, rule := w.cluster(p.topic)
		failed = failed || p.code != 0 && cluster != "" && !p.declined
		refused = refused || cluster == "" || p.declined
		if cluster == "" {
			unmatched[p.topic] = true
			continue
		}
		rules[rule] = true
		w.part("rule."+rule+".", p)
		if topic := "topic." + p.topic + "."; w.knows(topic + "batches") {
			w.part(topic, p)
		}
		if !p.declined {
			if given[cluster] == nil {
				given[cluster] = new(cargo)
			}
			given[cluster].add(p)
		}
	}
	w.add("unmatched_topics", int64(len(unmatched)))
	for rule := range rules {
		w.add("rule."+rule+".time_total_us", 1)
	}
	for cluster, c := range given {
		w.carried("cluster."+cluster+".", c)
	}
	if failed || req.Acks == 0 && refused {
		w.failed(req)
	}
	if refused {
		w.refused(req)
	}
}

// part expects a part to count in a rule or a topic.
func (b *book) part(scope string, p *part) {
	b.add(scope+"batches", 1)
	b.add(scope+"records", int64(p.records))
	b.add(scope+"bytes", p.length())
	if p.code != 0 {
		b.add(scope+"failed_batches", 1)
	}
}

// cargo is what one request gives to one cluster.
type cargo struct {
	batches, records, bytes int64 // sent
	codes                   []int16
	silent                  bool // there is no answer
}

func (c *cargo) add(p *part) {
	if p.code != 0 {
		c.codes = append(c.codes, p.code)
	}
	if p.unsent {
		return
	}
	c.batches, c.records, c.bytes = c.batches+1, c.records+int64(p.records), c.bytes+p.length()
	c.silent = c.silent || p.topic == silentTopic
}

// carried expects a cluster to count what it was given. Nothing else is on its way, so that it leaves as one.
func (b *book) carried(scope string, c *cargo) {
	b.add(scope+"time_total_us", 1)
	b.add(scope+"failed_batches", int64(len(c.codes)))
	for _, code := range c.codes {
		b.add(scope+"errors."+errorName(code), 1)
	}
	if c.batches == 0 {
		return
	}
	b.add(scope+"requests", 1)
	b.add(scope+"batches", c.batches)
	b.add(scope+"records", c.records)
	b.add(scope+"bytes", c.bytes)
	b.record(scope+"batches_per_request", c.batches)
	b.add(scope+"time_in_filter_us", 1)
	if !c.silent {
		b.add(scope+"time_upstream_us", 1)
	}
}

// violate has a client send what is no request, for which its connection is closed, and expects it to count.
func (w *world) violate(reason string, bytes ...[]byte) {
	w.t.Helper()
	w.add("access_log.written", 1)
	w.closed(reason, bytes...)
}

// violateBy is violate by a request.
func (w *world) violateBy(reason string, req kmsg.Request, frame []byte) {
	w.t.Helper()
	w.sent(req)
	w.failed(req)
	w.closed(reason, frame)
}

func (w *world) closed(reason string, bytes ...[]byte) {
	w.t.Helper()
	c := w.connect()
	c.SendBytes(bytes...)
	c.WantClosed()
	c.leave()
	w.add("violations."+reason, 1)
}

// leave ends a client's connection, which the mesh may have ended.
func (c *client) leave() { _ = c.Close() }
