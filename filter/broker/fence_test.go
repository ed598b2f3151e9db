package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// stalled is a cluster to which what is committed can only be sent after a while, so many times.
type stalled struct {
	*fake

	after time.Duration
	times *int
}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (s stalled) Own(string) broker.Own { return stalledOwn{fakeOwn{s.fake}, s} }

// stalledOwn is connections of a client's own to one.
type stalledOwn struct {
	fakeOwn

	stalled stalled
}

// CallIf implements broker.Own.
func (s stalledOwn) CallIf(
	to target.Broker, request kmsg.Request, most int16, within time.Duration, still func() bool, done func(kmsg.Response, error),
) {
	after := time.Duration(0)
	if *s.stalled.times > 0 {
		*s.stalled.times--
		after = s.stalled.after
	}
	time.AfterFunc(after, func() {
		if !still() {
			done(nil, errors.New("withdrawn"))
			return
		}
		s.fakeOwn.CallIf(to, request, most, within, still, done)
	})
}

// How long a home takes to say that a member may commit fails no commit elsewhere. What cannot be sent soon after that is checked again.
func TestSlowFence(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		topics []string
		home   time.Duration // that it takes to answer
		other  time.Duration // that it takes until something can be sent there
		times  int           // that it does
		checks int
		want   wire.ErrorCode
	}{
		{"both soon", []string{"bananas"}, 0, 0, 0, 1, wire.None},
		{"a slow home", []string{"bananas"}, 1500 * time.Millisecond, 0, 0, 1, wire.None},
		{"a slow home that has topics, too", []string{"apples", "bananas"}, 1500 * time.Millisecond, 0, 0, 0, wire.None},
		{"a very slow home", []string{"bananas"}, 25 * time.Second, 0, 0, 1, wire.None},
		{"one that stalls once", []string{"bananas"}, 0, 2 * time.Second, 1, 2, wire.None},
		{"one that stalls once, and a slow home", []string{"bananas"}, 3 * time.Second, 2 * time.Second, 1, 2, wire.None},
		{"one that stalls a little", []string{"bananas"}, 3 * time.Second, 900 * time.Millisecond, 9, 1, wire.None},
		{"one that stalls", []string{"bananas"}, 0, 2 * time.Second, 9, 3, wire.CoordinatorNotAvailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			c1, c2 := &fake{}, &fake{}
			home := (&groupModel{members: map[string]int32{classicMember: 7}}).play(c1)
			(&groupModel{}).play(c2)
			b := facadeOver(slow{c1, &tc.home}, stalled{c2, tc.other, &tc.times})
			h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyOffsetCommit, 8, 77, "test", commitRequest(who{7, classicMember}, tc.topics...))[4:])
			if err != nil {
				t.Fatal(err)
			}
			p := &pending{}
			if err := b.Serve(call(h, body, p)); err != nil {
				t.Fatal(err)
			}
			bubble.Advance(time.Minute)
			synctest.Wait()
			if len(p.answers) != 1 {
				t.Fatalf("%s: %d answers in a minute, want one", tc.name, len(p.answers))
			}
			if got := commitCodes(t, 8, p.answers[0])["bananas"]; got != tc.want || len(home.checks) != tc.checks {
				t.Errorf("%s: %s after %d checks, want %s after %d", tc.name, got, len(home.checks), tc.want, tc.checks)
			}
		})
	}
}

// An answer of the home that comes later than any is waited for, as after a pause of this process, may be of a time when the member was not
// excluded yet: it is asked again.
func TestOldFence(t *testing.T) {
	t.Parallel()
	for name, topics := range map[string][]string{"a check": {"bananas"}, "a commit at home": {"apples", "bananas"}} {
		synctest.Test(t, func(t *testing.T) {
			c1, c2 := &fake{}, &fake{}
			home := (&groupModel{members: map[string]int32{classicMember: 7}}).play(c1)
			other := (&groupModel{}).play(c2)
			right := c1.respond
			c1.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
				defer delete(home.members, classicMember) // it is excluded while the answer is on its way
				return right(to, r)
			}
			pause := 2 * time.Minute
			b := facadeOver(slow{c1, &pause}, c2)
			h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyOffsetCommit, 8, 77, "test", commitRequest(who{7, classicMember}, topics...))[4:])
			if err != nil {
				t.Fatal(err)
			}
			p := &pending{}
			if err := b.Serve(call(h, body, p)); err != nil {
				t.Fatal(err)
			}
			bubble.Advance(5 * time.Minute)
			synctest.Wait()
			if len(p.answers) != 1 {
				t.Fatalf("%s: %d answers, want one", name, len(p.answers))
			}
			if got := commitCodes(t, 8, p.answers[0])["bananas"]; got != wire.UnknownMemberID || len(other.commits) > 0 {
				t.Errorf("%s: %s after %d commits elsewhere, want UNKNOWN_MEMBER_ID after none", name, got, len(other.commits))
			}
		})
	}
}
