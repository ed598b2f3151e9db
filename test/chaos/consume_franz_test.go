package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	session  = 10 * time.Second
	beat     = time.Second
	unread   = 200 * time.Millisecond // what a poll waits for records
	toCommit = 10 * time.Second       // what a commit may take
)

// franzMember is a member of a group of franz-go's.
type franzMember struct {
	member *member
	client *kgo.Client
	said   int             // how many commits
	ctx    context.Context //nolint:containedctx // ends when the member is stopped, as the programs' do
	stop   context.CancelFunc
}

func (f *franz) join(m *member, bootstrap string) error {
	fm := &franzMember{member: m}
	fm.ctx, fm.stop = context.WithCancel(context.Background())
	names := make([]string, 0, len(m.group.topics))
	for _, t := range m.group.topics {
		names = append(names, t.name)
	}
	var err error
	fm.client, err = kgo.NewClient(
		kgo.SeedBrokers(splitAddrs(bootstrap)...), kgo.ConsumerGroup(m.group.name), kgo.ConsumeTopics(names...), kgo.ClientID(m.name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(beat), kgo.MetadataMaxAge(5*time.Second), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.RequestTimeoutOverhead(5*time.Second), kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { m.group.assign(m) }),
	)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.members[m.name] = fm
	f.mu.Unlock()
	close(m.ready)
	go fm.run()
	return nil
}

func (f *franz) leave(m *member) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[m.name].stop()
	delete(f.members, m.name)
	return nil
}

func (fm *franzMember) run() {
	defer close(fm.member.ended)
	defer fm.client.CloseAllowingRebalance()
	for fm.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(fm.ctx, unread)
		fetches := fm.client.PollFetches(ctx)
		cancel()
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
				fm.member.group.fail("read: " + reason(e.Err))
			}
		}
		fetches.EachRecord(func(r *kgo.Record) { fm.member.group.give(r.Topic, r.Partition, r.Offset, sum(r.Value)) })
		fm.commit()
		fm.client.AllowRebalance()
	}
}

// commit commits what was given and is not committed yet.
func (fm *franzMember) commit() {
	g := fm.member.group
	offsets := fm.client.UncommittedOffsets()
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), toCommit)
	defer cancel()
	fm.said++
	tag := fmt.Sprintf("%s %d", fm.member.name, fm.said)
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].Metadata = &tag
			}
		}
		return nil
	})
	fm.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, r *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			g.fail("commit: " + reason(err))
			return
		}
		for i := range answer.Topics {
			for j, p := range answer.Topics[i].Partitions {
				if p.ErrorCode != 0 {
					g.fail("commit: " + reason(kerr.ErrorForCode(p.ErrorCode)))
					continue
				}
				g.commit(answer.Topics[i].Topic, p.Partition, r.Topics[i].Partitions[j].Offset)
			}
		}
	})
}
