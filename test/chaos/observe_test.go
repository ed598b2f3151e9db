package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const glance = 150 * time.Millisecond // between two looks of an observer

// observer looks at the offsets that a cluster has of groups again and again, straight from its brokers. Its methods may be called
// from any goroutine.
type observer struct {
	cluster string
	client  *kgo.Client
	groups  []*group
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	now     map[*group]map[ledger.Place]int64
	setBack map[*group][]string // what went back, in words
}

func (t *trial) observe(cluster string) (*observer, error) {
	client, err := t.brokers(cluster).Client(kgo.RetryTimeout(2 * time.Second))
	if err != nil {
		return nil, err
	}
	w := &observer{
		cluster: cluster, client: client, groups: t.groups, now: map[*group]map[ledger.Place]int64{}, setBack: map[*group][]string{},
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	for _, g := range t.groups {
		w.now[g] = map[ledger.Place]int64{}
		w.done.Go(func() {
			for ctx.Err() == nil {
				w.look(ctx, g, t.remade)
				select {
				case <-ctx.Done():
				case <-time.After(glance):
				}
			}
		})
	}
	return w, nil
}

func (w *observer) end() {
	w.stop()
	w.done.Wait()
	w.client.Close()
}

// look asks for the offsets of a group, and says which are less than they were. What a member has been told may be more: a broker that
// does not know yet that it is the coordinator no longer answers with what it had.
func (w *observer) look(ctx context.Context, g *group, remade func(string) bool) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = g.name
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = g.name
	r.Groups = append(r.Groups, asked)
	r.RequireStable = false
	answer, err := r.RequestWith(ctx, w.client)
	if err != nil || len(answer.Groups) != 1 || answer.Groups[0].ErrorCode != 0 {
		return // another time
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range answer.Groups[0].Topics {
		for _, p := range t.Partitions {
			at := g.place(t.Topic, p.Partition)
			if p.ErrorCode != 0 || at.Cluster != w.cluster || remade(t.Topic) {
				continue
			}
			if before := w.now[g][at]; p.Offset < before {
				w.setBack[g] = append(w.setBack[g], fmt.Sprintf("%s of %s from %d to %d", at, g.name, before, p.Offset))
			}
			w.now[g][at] = p.Offset
		}
	}
}

// has is the offset of a partition that the cluster has of a group, as the observer saw it last.
func (w *observer) has(g *group, at ledger.Place) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now[g][at]
}

func codeName(code int16) string { return reason(kerr.ErrorForCode(code)) }
