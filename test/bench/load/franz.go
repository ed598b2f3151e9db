package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franzRun is what the producers of a job share.
type franzRun struct {
	job       *Job
	measuring atomic.Bool
	records   atomic.Int64
	failed    chan error
	values    [][]byte
}

func runFranz(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	run := &franzRun{job: j, failed: make(chan error, 1)}
	for i := range 1000 {
		run.values = append(run.values, value(j.RecordBytes, uint64(i)))
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for range j.Clients {
		for addr, topics := range j.destinations() {
			client, err := run.client(addr, dial)
			if err != nil {
				return Result{}, err
			}
			work.Go(func() { run.produce(ctx, client, topics) })
		}
	}
	elapsed, err := j.phases(ctx, run.failed, func(on bool) {
		run.measuring.Store(on)
		mark()
	})
	if err != nil {
		return Result{}, err
	}
	n := run.records.Load()
	return Result{Records: n, Bytes: n * int64(j.RecordBytes), Seconds: elapsed.Seconds()}, nil
}

// destinations are the topics that are produced to at each address.
func (j *Job) destinations() map[string][]string {
	to := map[string][]string{}
	for _, d := range j.To {
		to[d.Addr] = append(to[d.Addr], d.Topic)
	}
	return to
}

func (r *franzRun) client(addr string, dial DialFunc) (*kgo.Client, error) {
	codecs := map[string]kgo.CompressionCodec{"": kgo.NoCompression(), "none": kgo.NoCompression(), "lz4": kgo.Lz4Compression()}
	codec, ok := codecs[r.job.Codec]
	if !ok {
		return nil, fmt.Errorf("no codec %q", r.job.Codec)
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, addr) }),
		kgo.ProducerBatchMaxBytes(int32(r.job.BatchBytes)),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(max(16*r.job.BatchBytes, 16<<20) / r.job.RecordBytes),
	}
	if r.job.Acks == 1 {
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	return kgo.NewClient(opts...)
}

// produce sends records until ctx ends.
func (r *franzRun) produce(ctx context.Context, client *kgo.Client, topics []string) {
	defer client.Close()
	done := func(_ *kgo.Record, err error) {
		if err == nil {
			if r.measuring.Load() {
				r.records.Add(1)
			}
			return
		}
		if !over(ctx, err) && ctx.Err() == nil {
			select {
			case r.failed <- err:
			default:
			}
		}
	}
	for i := 0; ctx.Err() == nil; i++ {
		client.Produce(ctx, &kgo.Record{Topic: topics[i%len(topics)], Value: r.values[i%len(r.values)]}, done)
	}
}
