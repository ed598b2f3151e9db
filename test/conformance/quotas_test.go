package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// greedy are the client ids that oracles and meshes have the same quota for: one for each scenario, which so begins with all of it.
var greedy = []string{"greedy-writer", "greedy-silent", "greedy-reader"}

const (
	// quotaRate is how many bytes these may write and read in a second.
	quotaRate = 50_000
	// quotaWindow is for how many seconds of it a broker lets a client do at once: it averages over so many.
	quotaWindow = 10
	// overQuota is a batch of more than that, by two seconds.
	overQuota = quotaRate * (quotaWindow + 3)
)

// meshQuotas are those of a mesh.
func meshQuotas() []map[string]any {
	return []map[string]any{{
		"principals": []string{"*"}, "client_ids": greedy,
		"produce_bytes_per_second": quotaRate, "fetch_bytes_per_second": quotaRate, "burst_seconds": quotaWindow,
	}}
}

// setQuotas gives an oracle the same.
func setQuotas(ctx context.Context, o *oracle) error {
	request := kmsg.NewPtrAlterClientQuotasRequest()
	for _, id := range greedy {
		entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
		entity.Type, entity.Name = "client-id", &id
		entry := kmsg.NewAlterClientQuotasRequestEntry()
		entry.Entity = append(entry.Entity, entity)
		for _, key := range []string{"producer_byte_rate", "consumer_byte_rate"} {
			op := kmsg.NewAlterClientQuotasRequestEntryOp()
			op.Key, op.Value = key, quotaRate
			entry.Ops = append(entry.Ops, op)
		}
		request.Entries = append(request.Entries, entry)
	}
	response, err := rawkafka.Ask[*kmsg.AlterClientQuotasResponse](o.addr, clientID, 1, request)
	if err != nil {
		return fmt.Errorf("set quotas: %w", err)
	}
	for _, e := range response.Entries {
		if e.ErrorCode != 0 {
			return fmt.Errorf("set quotas: error %d", e.ErrorCode)
		}
	}
	return ctx.Err()
}

// TestQuotas has clients do more than their quota: they are answered and told for how long to wait, and only then is nothing read from them.
func TestQuotas(t *testing.T) {
	t.Parallel()
	play(t, "quotas", []scenario{
		{name: "producing", do: func(c *client) {
			c.become(greedy[0])
			c.throttled(produce(9, c.topic("plain"), c.partition(), wiretest.Batch{Records: wiretest.Records(1, overQuota)}.Bytes()))
		}},
		{name: "producing with acks 0", do: func(c *client) {
			c.become(greedy[1])
			began := time.Now()
			c.send(withAcks(0, produce(9, c.topic("plain"), c.partition(), wiretest.Batch{Records: wiretest.Records(1, overQuota)}.Bytes())))
			c.behind(began, time.Second) // about three, but nobody says how many
		}},
		{name: "fetching", differs: quotaWithRecords, do: func(c *client) {
			p := c.partition()
			c.ask(produce(9, c.topic("plain"), p, wiretest.Batch{Records: wiretest.Records(1, overQuota)}.Bytes()))
			c.become(greedy[2])
			c.throttled(at(11, fetchOf(c, "plain", 0, p)))
		}},
	})
}

// become has the client call itself so, on a connection of its own.
func (c *client) become(id string) {
	c.t.Helper()
	conn, err := rawkafka.Dial(c.target.addr, id)
	c.must(err)
	c.t.Cleanup(func() { _ = conn.Close() })
	c.Conn = conn
}

// throttled asks for more than the quota allows.
func (c *client) throttled(req kmsg.Request) {
	c.send(req)
	id, began := c.Last, time.Now()
	response := c.answer(req, req.GetVersion(), id)
	if response == nil {
		return
	}
	told, _ := response.(kmsg.ThrottleResponse).Throttle() //nolint:forcetypeassert // those that are asked for have it
	wait := time.Duration(told) * time.Millisecond
	if told <= 0 || wait > time.Minute {
		c.say("told to wait for %v", wait)
		return
	}
	c.say("answered, and told to wait")
	if r, ok := response.(*kmsg.FetchResponse); ok {
		bytes := 0
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				bytes += len(p.RecordBatches)
			}
		}
		c.say("with records: %v", bytes > 0)
	} else {
		response.(kmsg.SetThrottleResponse).SetThrottle(0) //nolint:forcetypeassert // as before
		c.show(response)
	}
	c.behind(began, wait-100*time.Millisecond) // the answer was under way for a while
}

// behind asks for something simple, which is not to be answered before so long has passed since then.
func (c *client) behind(began time.Time, least time.Duration) {
	req := kmsg.NewPtrApiVersionsRequest()
	c.send(req)
	if c.answer(req, 0, c.Last) == nil {
		return
	}
	if took := time.Since(began); took < least {
		c.say("the next request is answered after %v, want %v", took, least)
		return
	}
	c.say("the next request is answered after that")
}
