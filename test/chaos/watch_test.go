package chaos

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// glance is how long a watcher waits between two looks.
const glance = 150 * time.Millisecond

// watcher asks for a group's offsets again and again, as members do that begin: by the way that its members have. Its methods may be
// called from any goroutine.
type watcher struct {
	group  *group
	client *kgo.Client
	remade func(topic string) bool
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	seen  looks
	words []string
}

// looks is what watchers were told: how often, how often that there is no offset where a member had been told of one before, and how
// often that it is less than that.
type looks struct{ asked, none, less int }

func (l looks) String() string { return fmt.Sprintf("%d/%d/%d", l.asked, l.none, l.less) }

func (t *trial) watch(g *group) (*watcher, error) {
	bootstrap := t.front.addr()
	if g.direct {
		bootstrap = t.bootstrap("c1")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(splitAddrs(bootstrap)...), kgo.RetryTimeout(2*time.Second), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	w := &watcher{group: g, client: client, remade: t.remade}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.done.Go(func() {
		for ctx.Err() == nil {
			w.look(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(glance):
			}
		}
	})
	return w, nil
}

// end ends it, and gives what it was told.
func (w *watcher) end() looks {
	w.stop()
	w.done.Wait()
	w.client.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// look asks once, and compares what is answered with what members had been told before.
func (w *watcher) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	before := w.group.allTold()
	r := kmsg.NewPtrOffsetFetchRequest()
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = w.group.name
	for _, t := range w.group.topics {
		topic := kmsg.OffsetFetchRequestGroupTopic{Topic: t.name}
		for p := range int32(partitions) {
			topic.Partitions = append(topic.Partitions, p)
		}
		asked.Topics = append(asked.Topics, topic)
	}
	r.Groups = append(r.Groups, asked)
	answer, err := r.RequestWith(ctx, w.client)
	if err != nil || len(answer.Groups) != 1 || answer.Groups[0].ErrorCode != 0 {
		return // another time
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.asked++
	for _, t := range answer.Groups[0].Topics {
		for _, p := range t.Partitions {
			at := w.group.place(t.Topic, p.Partition)
			was, said := before[at]
			if p.ErrorCode != 0 || w.remade(t.Topic) || !said || p.Offset >= was {
				continue
			}
			if p.Offset < 0 {
				w.seen.none++
			} else {
				w.seen.less++
			}
			w.words = append(w.words, fmt.Sprintf("%s of %s is told to be %d, and was %d before", at, w.group.name, p.Offset, was))
		}
	}
}

// allTold are the offsets that members were told last to be committed.
func (g *group) allTold() map[ledger.Place]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.told)
}
