package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A commit that waits behind one for a cluster that does not answer is not done when its client has ended the connection: it may have
// committed what is newer on another one.
func TestStaleCommit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		ends  bool
		want  wire.ErrorCode
		seen  int
		after time.Duration
	}{
		{"of who is there", false, wire.None, 2, 4 * time.Second},
		{"of who has ended", true, wire.CoordinatorNotAvailable, 1, 4 * time.Second},
		{"of who has just ended", true, wire.None, 2, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c1, c2 := &fake{}, &fake{}
				home := (&groupModel{members: map[string]int32{classicMember: 7}}).play(c1)
				(&groupModel{}).play(c2)
				var held []func()
				b := facadeOver(c1, holding{c2, &held})
				client := &broker.Client{}
				commit := func(topics ...string) *pending {
					return serveOn(t, b, client, wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, topics...))
				}
				commit("apples", "bananas")
				behind := commit("apples")
				if test.ends {
					client.End()
				}
				if test.after == 0 {
					held[0]()
				}
				<-time.After(test.after)
				synctest.Wait()
				if len(behind.answers) != 1 || len(home.commits) != test.seen {
					t.Fatalf("%d answers, and the home had %d commits; want 1 and %d", len(behind.answers), len(home.commits), test.seen)
				}
				if diff := cmp.Diff(map[string]wire.ErrorCode{"apples": test.want}, commitCodes(t, 8, behind.answers[0])); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
