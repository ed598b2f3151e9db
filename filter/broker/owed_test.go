package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// CallIf implements broker.Own.
func (h holdingOwn) CallIf(
	to target.Broker, request kmsg.Request, most int16, within time.Duration, still func() bool, done func(kmsg.Response, error),
) {
	*h.held = append(*h.held, func() { h.fakeOwn.CallIf(to, request, most, within, still, done) })
}

// A cluster that does not answer its part of a commit is waited for a few seconds, and is not asked for the next one until it has: the
// other clusters' offsets are kept, and answered, meanwhile.
func TestCommitDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := &fake{}, &fake{}
		home, other := (&groupModel{members: map[string]int32{classicMember: 7}}).play(c1), (&groupModel{}).play(c2)
		var held []func()
		b := facadeOver(c1, holding{c2, &held})
		client := &broker.Client{}
		commit := func() *pending {
			return serveOn(t, b, client, wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, "apples", "bananas"))
		}
		want := func(what string, r *pending, bananas wire.ErrorCode) {
			t.Helper()
			if len(r.answers) != 1 {
				t.Fatalf("%s: %d answers, want 1", what, len(r.answers))
			}
			codes := map[string]wire.ErrorCode{"apples": wire.None, "bananas": bananas}
			if diff := cmp.Diff(codes, commitCodes(t, 8, r.answers[0])); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		first := commit()
		<-time.After(4 * time.Second)
		synctest.Wait()
		want("a cluster that does not answer", first, wire.CoordinatorNotAvailable)
		want("while it owes an answer", commit(), wire.CoordinatorNotAvailable)
		if len(held) != 1 || len(home.commits) != 2 || len(c2.doubted) != 1 {
			t.Fatalf("%d commits wait, the home had %d, and the other is doubted as %v; want 1, 2, its coordinator", len(held), len(home.commits), c2.doubted)
		}
		held[0]() // it could not be sent until now, and is not any more
		if len(other.commits) != 0 {
			t.Errorf("%d commits are sent that nobody waits for, long after they were checked", len(other.commits))
		}
		last := commit()
		held[1]()
		want("when it answers again", last, wire.None)
	})
}
