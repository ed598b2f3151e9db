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

// setBack reads all offsets that were ever committed to a cluster, in their order, and says which were less than one before, by group. It
// reads the log that coordinators keep, for one that has been replaced and does not know it yet answers with what was before.
func setBack(ctx context.Context, b *stack.KafkaBrokers, cluster string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
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
		return nil, nil
	}
	client, err := b.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{offsetsTopic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	now, back := map[committal]int64{}, map[string][]string{}
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, fmt.Errorf("read %s: %w", offsetsTopic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset == ends[r.Partition]-1 {
				left--
			}
			at, offset, ok := committed(cluster, r)
			if !ok {
				delete(now, at)
				return
			}
			if before := now[at]; offset < before {
				back[at.group] = append(back[at.group], fmt.Sprintf("%s of %s from %d to %d", at.place, at.group, before, offset))
			}
			now[at] = offset
		})
	}
	return back, nil
}

// committed reads a record of the offsets' topic; not ok: the offset was deleted, or it is of something else.
func committed(cluster string, r *kgo.Record) (at committal, offset int64, ok bool) {
	var key kmsg.OffsetCommitKey
	if len(r.Key) < 2 || r.Key[0] != 0 || r.Key[1] > 1 || key.ReadFrom(r.Key) != nil { // others have other versions
		return at, 0, false
	}
	at = committal{key.Group, ledger.Place{Cluster: cluster, Topic: key.Topic, Partition: key.Partition}}
	var value kmsg.OffsetCommitValue
	if r.Value == nil || value.ReadFrom(r.Value) != nil {
		return at, 0, false
	}
	return at, value.Offset, true
}
