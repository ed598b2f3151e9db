package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// offsetsTopic is where a cluster keeps groups: who leads its partitions are their coordinators.
const offsetsTopic = "__consumer_offsets"

// committal is a group's offset of a partition.
type committal struct {
	group string
	place ledger.Place
}

// offsetsLog is what a cluster was ever told to keep.
type offsetsLog struct {
	now  map[committal]int64
	back map[string][]string  // which offsets were less than one before, in words, by group
	at   map[tagged]time.Time // when what a member tagged came, by the broker's clock
}

// tagged is a commit of a group's that its member gave a name: some do (the metadata of an offset).
type tagged struct{ group, tag string }

// readOffsets reads all offsets that were ever committed to a cluster, in their order. It reads the log that coordinators keep, for one that
// has been replaced and does not know it yet answers with what was before.
func readOffsets(ctx context.Context, b *stack.KafkaBrokers, cluster string) (*offsetsLog, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	l := &offsetsLog{now: map[committal]int64{}, back: map[string][]string{}, at: map[tagged]time.Time{}}
	ends, err := endsOf(ctx, b, offsetsTopic)
	if err != nil {
		return nil, err
	}
	from, left := map[int32]kgo.Offset{}, 0
	for p, end := range ends {
		if end > 0 {
			from[int32(p)] = kgo.NewOffset().AtStart()
			left++
		}
	}
	if left == 0 {
		return l, nil
	}
	client, err := b.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{offsetsTopic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, fmt.Errorf("read %s: %w", offsetsTopic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset == ends[r.Partition]-1 {
				left--
			}
			l.take(cluster, r)
		})
	}
	return l, nil
}

// take takes one record of the offsets' topic.
func (l *offsetsLog) take(cluster string, r *kgo.Record) {
	at, value, ok := committed(cluster, r)
	if !ok {
		delete(l.now, at)
		return
	}
	if before := l.now[at]; value.Offset < before {
		l.back[at.group] = append(l.back[at.group], fmt.Sprintf("%s of %s from %d to %d", at.place, at.group, before, value.Offset))
	}
	l.now[at] = value.Offset
	if name := (tagged{at.group, value.Metadata}); value.Metadata != "" {
		l.at[name] = time.UnixMilli(value.CommitTimestamp)
	}
}

// windows are the times between the home's part of a group's commits, by which it is checked who commits, and that of another cluster.
func windows(home, away *offsetsLog, group string) (out []time.Duration) {
	for name, at := range away.at {
		if checked, there := home.at[name]; there && name.group == group {
			out = append(out, at.Sub(checked))
		}
	}
	return out
}

// committed reads a record of the offsets' topic; not ok: the offset was deleted, or it is of something else.
func committed(cluster string, r *kgo.Record) (at committal, value kmsg.OffsetCommitValue, ok bool) {
	var key kmsg.OffsetCommitKey
	if len(r.Key) < 2 || r.Key[0] != 0 || r.Key[1] > 1 || key.ReadFrom(r.Key) != nil { // others have other versions
		return at, value, false
	}
	at = committal{key.Group, ledger.Place{Cluster: cluster, Topic: key.Topic, Partition: key.Partition}}
	if r.Value == nil || value.ReadFrom(r.Value) != nil {
		return at, value, false
	}
	return at, value, true
}
