package chaos

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	burst    = 5 // records of one partition at once
	tick     = 400 * time.Millisecond
	mostOpen = 300 // records of one partition that wait for their answers
)

// franz makes producers and members of franz-go in this process.
type franz struct {
	mu        sync.Mutex
	producers map[string]*franzProducer
	members   map[string]*franzMember
}

type franzProducer struct {
	account *account
	client  *kgo.Client
	going   chan struct{}
	ctx     context.Context //nolint:containedctx // ends when the producer is stopped, as the programs' do
	stop    context.CancelFunc

	mu   sync.Mutex
	open []int // by partition
}

func (f *franz) start(a *account, bootstrap string) error {
	options := []kgo.Opt{
		kgo.SeedBrokers(splitAddrs(bootstrap)...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(a.topic),
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(800), kgo.ProduceRequestTimeout(10 * time.Second),
		kgo.RecordDeliveryTimeout(40 * time.Second), kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.RequestTimeoutOverhead(5 * time.Second), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100 * time.Millisecond), kgo.ClientID(a.name),
	}
	if !a.idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	switch a.acks {
	case "0":
		options = append(options, kgo.RequiredAcks(kgo.NoAck()))
	case "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	p := &franzProducer{account: a, client: client, going: make(chan struct{}), open: make([]int, a.partitions)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	f.mu.Lock()
	f.producers[a.name] = p
	f.mu.Unlock()
	close(a.ready)
	go p.run()
	return nil
}

func (f *franz) begin(a *account) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.producers[a.name].going)
	return nil
}

func (f *franz) stop(a *account) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.producers[a.name].stop()
	delete(f.producers, a.name)
	return nil
}

func (p *franzProducer) run() {
	defer close(p.account.ended)
	defer p.client.Close()
	select {
	case <-p.going:
	case <-p.ctx.Done():
	}
	next := make([]int, p.account.partitions)
	for p.ctx.Err() == nil {
		for partition := range p.account.partitions {
			for range burst {
				if !p.send(partition, next[partition]) {
					break
				}
				next[partition]++
			}
		}
		select {
		case <-p.ctx.Done():
		case <-time.After(tick):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_ = p.client.Flush(ctx) // what is left has had no answer
}

// send sends the record of a number, unless too many of the partition are open.
func (p *franzProducer) send(partition int32, number int) bool {
	p.mu.Lock()
	full := p.open[partition] >= mostOpen
	if !full {
		p.open[partition]++
	}
	p.mu.Unlock()
	if full {
		return false
	}
	a := p.account
	a.mu.Lock()
	a.sent++
	a.grow(partition, number+1)
	a.mu.Unlock()
	p.client.Produce(context.Background(), &kgo.Record{Partition: partition, Value: a.value(partition, number)}, func(r *kgo.Record, err error) {
		p.mu.Lock()
		p.open[partition]--
		p.mu.Unlock()
		switch {
		case err != nil:
			a.fail(partition, number, reason(err))
		case a.acks == "0":
			a.acknowledge(partition, number, -1)
		default:
			a.acknowledge(partition, number, r.Offset)
		}
	})
	return true
}

func reason(err error) string {
	if k, ok := errors.AsType[*kerr.Error](err); ok {
		return k.Message
	}
	return err.Error()
}
