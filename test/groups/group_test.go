package groups

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// reader is a member that reads what it is assigned and commits what it has read.
type reader struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu        sync.Mutex
	got       map[string]int // times that each record was read
	clusters  map[string]int // records by topic
	has       map[string]map[int32]bool
	rebalance int     // times that it was assigned something, or lost it
	failed    []error // commits
}

func startReader(t *testing.T, w *world, group string, topics []string, more ...kgo.Opt) *reader {
	t.Helper()
	r := &reader{got: map[string]int{}, clusters: map[string]int{}, has: map[string]map[int32]bool{}}
	gain := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { r.assign(partitions, true) }
	lose := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { r.assign(partitions, false) }
	r.client = w.client(t, append(more, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.OnPartitionsAssigned(gain), kgo.OnPartitionsRevoked(lose),
		kgo.OnPartitionsLost(lose), kgo.SessionTimeout(20*time.Second), kgo.HeartbeatInterval(500*time.Millisecond), kgo.FetchMaxWait(250*time.Millisecond))...)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	r.done.Go(func() { r.read(ctx) })
	t.Cleanup(r.end)
	return r
}

// assign takes note of partitions that the member gets or loses.
func (r *reader) assign(partitions map[string][]int32, gets bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rebalance++
	for topic, numbers := range partitions {
		if r.has[topic] == nil {
			r.has[topic] = map[int32]bool{}
		}
		for _, p := range numbers {
			if gets {
				r.has[topic][p] = true
			} else {
				delete(r.has[topic], p)
			}
		}
	}
}

func (r *reader) read(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := r.client.PollFetches(ctx)
		r.mu.Lock()
		fetches.EachRecord(func(rec *kgo.Record) {
			r.got[string(rec.Value)]++
			r.clusters[rec.Topic]++
		})
		r.mu.Unlock()
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := r.client.CommitUncommittedOffsets(ctx); err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.failed = append(r.failed, err)
			r.mu.Unlock()
		}
	}
}

// end has the member leave.
func (r *reader) end() {
	r.stop()
	r.done.Wait()
	r.client.Close()
}

// sum is how many records were read, and how often any of them again, by all readers.
func sum(readers ...*reader) (records, again int) {
	all := map[string]int{}
	for _, r := range readers {
		r.mu.Lock()
		for value, n := range r.got {
			all[value] += n
		}
		r.mu.Unlock()
	}
	for _, n := range all {
		again += n - 1
	}
	return len(all), again
}

// write writes so many records to each topic.
func write(t *testing.T, w *world, from, count int, topics ...string) {
	t.Helper()
	producer := w.client(t)
	defer producer.Close()
	for i := range count {
		for _, topic := range topics {
			value := fmt.Sprintf("%s-%d", topic, from+i)
			producer.Produce(t.Context(), &kgo.Record{Topic: topic, Key: []byte(value), Value: []byte(value)}, nil)
		}
	}
	stack.Check(t, producer.Flush(t.Context()))
}

func (r *reader) rebalances() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rebalance
}

// Two members share the partitions of two clusters. A mesh that is killed and replaced does not disturb the group, and what is committed is
// there, on the cluster of each topic.
func TestGroupOverTwoClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apples, bananas := w.topics(t, "shared", 4)
	const group, each = "group-shared", 1000
	readers := []*reader{startReader(t, w, group, []string{apples, bananas}), startReader(t, w, group, []string{apples, bananas})}
	for _, r := range readers {
		stack.Check(t, stack.Await(t.Context(), "both to have partitions of both", func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.has[apples]) != 2 || len(r.has[bananas]) != 2 {
				return fmt.Errorf("one has %v", r.has)
			}
			return nil
		}))
	}
	write(t, w, 0, each, apples, bananas)
	all := func(want int) {
		t.Helper()
		stack.Check(t, stack.Await(t.Context(), "all records", func() error {
			if records, _ := sum(readers...); records < want {
				return fmt.Errorf("%d of %d records", records, want)
			}
			return nil
		}))
	}
	all(2 * each)
	settled := func() (n int) {
		for _, r := range readers {
			n += r.rebalances()
		}
		return n
	}
	before := settled()
	w.replace(t)
	write(t, w, each, each, apples, bananas)
	all(4 * each)
	if after := settled(); after != before {
		t.Errorf("the group was rebalanced %d times when the mesh was replaced", after-before)
	}
	for i, r := range readers {
		r.mu.Lock()
		if r.clusters[apples] == 0 || r.clusters[bananas] == 0 {
			t.Errorf("reader %d read %v, want some of both", i, r.clusters)
		}
		r.mu.Unlock()
	}
	for topic, cluster := range map[string]*stack.KafkaBrokers{apples: w.home, bananas: w.another} {
		stack.Check(t, stack.Await(t.Context(), "all to be committed", func() error {
			sum := int64(0)
			for p := range int32(4) {
				sum += committed(t, cluster, group, topic, p)
			}
			if sum != 2*each {
				return fmt.Errorf("%s: committed up to %d, want %d", topic, sum, 2*each)
			}
			return nil
		}))
	}
	if _, again := sum(readers...); again > 0 {
		t.Logf("%d records were read again", again) // of what was not committed when the mesh was killed
	}
	for _, other := range []struct {
		cluster *stack.KafkaBrokers
		topic   string
	}{{w.another, apples}, {w.home, bananas}} {
		if offset := committed(t, other.cluster, group, other.topic, 0); offset != -1 {
			t.Errorf("%s has an offset, %d, on the cluster that it is not of", other.topic, offset)
		}
	}
}
