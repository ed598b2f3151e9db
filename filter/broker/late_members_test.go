package broker_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// slow is a cluster that answers on clients' own connections after a while, in order.
type slow struct {
	*fake

	after *time.Duration
}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (s slow) Own(string) broker.Own { return slowOwn{fakeOwn{s.fake}, s.after} }

// slowOwn is connections of a client's own to one.
type slowOwn struct {
	fakeOwn

	after *time.Duration
}

// Call implements broker.Own.
func (s slowOwn) Call(to target.Broker, request kmsg.Request, most int16, within time.Duration, done func(kmsg.Response, error)) {
	s.fakeOwn.Call(to, request, most, within, func(r kmsg.Response, err error) {
		time.AfterFunc(*s.after, func() { done(r, err) })
	})
}

// owned is what the test's members say they own of apples and bananas.
func owned(apples, bananas []int32) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	topics := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for id, partitions := range [][]int32{1: apples, 2: bananas} {
		if len(partitions) > 0 {
			topics = append(topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: [16]byte{byte(id)}, Partitions: partitions})
		}
	}
	return topics
}

// slowly is a consumer whose second cluster takes its time.
type slowly struct {
	*consumer

	wait   time.Duration
	broker *broker.Broker
	client broker.Client
}

func newSlowly(t *testing.T) *slowly {
	t.Helper()
	s := &slowly{consumer: newConsumer(t)}
	s.broker = facadeOver(s.f1, slow{s.f2, &s.wait})
	s.say(0)
	s.c1.members[memberID].next, s.c2.members[memberID].next = []int32{0}, []int32{}
	s.say(0)
	return s
}

// say says all, with what the client owns.
func (s *slowly) say(apples ...int32) *kmsg.ConsumerGroupHeartbeatResponse {
	s.t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.SubscribedTopicNames, r.RebalanceTimeoutMillis = []string{"apples", "bananas"}, 60_000
	r.Topics = owned(apples, nil)
	return s.send(r)
}

// live says nothing new.
func (s *slowly) live() *kmsg.ConsumerGroupHeartbeatResponse {
	s.t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.RebalanceTimeoutMillis = -1
	return s.send(r)
}

// send sends a heartbeat, and waits until the next is due.
func (s *slowly) send(r *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	s.t.Helper()
	r.Group, r.MemberID, r.MemberEpoch = "group", memberID, s.epoch
	h, body, err := s.broker.ParseHeader(wiretest.Frame(wire.KeyConsumerGroupHeartbeat, 1, 77, "test", r)[4:])
	if err != nil {
		s.t.Fatal(err)
	}
	p := &pending{}
	if err := s.broker.Serve(&broker.Call{Client: &s.client, Header: h, Body: body, Reply: p}); err != nil {
		s.t.Fatal(err)
	}
	bubble.Advance(5 * time.Second)
	synctest.Wait()
	if len(p.answers) != 1 {
		s.t.Fatalf("%d answers, want 1", len(p.answers))
	}
	said := parse[*kmsg.ConsumerGroupHeartbeatResponse](s.t, wire.KeyConsumerGroupHeartbeat, 1, p.answers[0])
	if said.ErrorCode == 0 {
		s.epoch = said.MemberEpoch
	}
	return said
}

// A cluster whose answers come too late, once or each time, fences nobody: what it has said by then is told the next time.
func TestMemberOfASlowCluster(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 2 * time.Second, 4 * time.Second, 9 * time.Second} {
		for _, every := range []int{1, 2, 3} {
			synctest.Test(t, func(t *testing.T) {
				s := newSlowly(t)
				for i := range 12 {
					m := s.c2.members[memberID]
					if s.wait = 0; i%every == 0 {
						s.wait, m.next = after, []int32{0}[:1-len(m.assigned)]
					}
					if said := s.live(); said.ErrorCode != 0 {
						t.Fatalf("every %d. answer comes after %s: answered %s", every, after, wire.ErrorCode(said.ErrorCode))
					}
				}
				s.wait = 0
				bubble.Advance(time.Minute)
				want := "apples[0] bananas[0]"
				if len(s.c2.members[memberID].assigned) == 0 {
					want = "apples[0]"
				}
				s.want(s.say(0), 0, s.c1.members[memberID].epoch+s.c2.members[memberID].epoch, want)
			})
		}
	}
}

// What a cluster has refused too late is told with the next heartbeat, and only then.
func TestMemberThatIsRefusedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlowly(t)
		s.wait = 4 * time.Second
		clear(s.c2.members) // its session is over
		s.want(s.live(), 0, s.epoch, "null")
		s.want(s.live(), wire.UnknownMemberID, 0, "")
		s.epoch = 0
		s.want(s.say(), 0, s.c1.members[memberID].epoch, "apples[0]")
		s.want(s.live(), 0, s.c1.members[memberID].epoch+s.c2.members[memberID].epoch, "apples[0]")
	})
}

// A cluster whose answer was lost is told all the next time, as by a client that had none: it takes the epoch before, and says again what it
// assigns; and it hears what the client had said.
func TestMemberAfterALostAnswer(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	lost := false
	c.f2.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		response, err := c.c2.respond(to, r)
		if lost {
			return nil, errors.New("the connection is lost")
		}
		return response, err
	}
	c.c2.members[memberID].next = []int32{}
	lost = true
	c.want(c.beat(), 0, 14, "null")
	lost = false
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, nil), 0, 15, "apples[0]")
	c.c2.members[memberID].next = []int32{0}
	lost = true
	c.want(c.beat(), 0, 15, "null")
	lost = false
	c.want(c.beat(), 0, 16, "apples[0] bananas[0]") // though the client has not said anything

	c.c2.away = errors.New("away")
	c.full([]string{"apples", "bananas"}, nil, nil) // it owns nothing any more, and says so once
	c.c2.away = nil
	c.beat()
	if last := c.c2.seen[len(c.c2.seen)-1]; last.Topics == nil || len(last.Topics) != 0 || last.RebalanceTimeoutMillis != 60_000 {
		t.Errorf("c2 is told %+v, want that the client owns nothing of it", last)
	}
	c.beat()
	if last := c.c2.seen[len(c.c2.seen)-1]; last.Topics != nil || last.RebalanceTimeoutMillis != -1 {
		t.Errorf("c2 is told %+v when it has answered, want no more than the client says", last)
	}
}

// A cluster whose answer was lost fences nobody because another cluster has taken a topic away that the client still owns: a coordinator
// takes the epoch before only from who owns no more than it assigns.
func TestMemberAfterALostAnswerAndATopicTakenElsewhere(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), 0, 14, "apples[0] bananas[0]")
	c.c1.members[memberID].next = []int32{}
	c.c2.members[memberID].next = []int32{0}
	normal := c.f2.respond
	c.f2.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		_, _ = normal(to, r)
		return nil, errors.New("the connection is lost")
	}
	c.want(c.beat(), 0, 15, "bananas[0]")
	c.f2.respond = normal
	c.want(c.beat(), 0, 16, "bananas[0]")
}

// Coordinators tell members apart by the client ids of their connections: what makes a member known goes on the client's own. Leaving does
// not, for the client may be gone at once.
func TestMembersOwnConnections(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	for _, f := range []*fake{c.f1, c.f2} {
		for _, a := range f.asked {
			if _, beat := a.request.(*kmsg.ConsumerGroupHeartbeatRequest); beat && !a.own {
				t.Errorf("%T goes on a connection that clients share", a.request)
			}
		}
		f.asked = nil
	}
	c.epoch = -1
	c.want(c.beat(), 0, -1, "null")
	for _, f := range []*fake{c.f1, c.f2} {
		if len(f.asked) != 1 || f.asked[0].own {
			t.Errorf("who leaves sends %+v, want one request on a connection that is not its own", f.asked)
		}
	}
}

// Who leaves has left, whatever a cluster is too old for or says beside it.
func TestLeavingIsLeaving(t *testing.T) {
	t.Parallel()
	old := fmt.Errorf("asking: %w", wire.ErrVersion)
	for _, tc := range []struct {
		name           string
		epoch          int32
		c1, c2         error
		assigns, known bool
		want           wire.ErrorCode
	}{
		{"both say so", -1, nil, nil, false, true, wire.None},
		{"for a while", -2, nil, nil, false, true, wire.None},
		{"with an assignment", -1, nil, nil, true, true, wire.None},
		{"of a proxy that forgot", -1, nil, nil, true, false, wire.None},
		{"one is too old", -1, old, nil, false, false, wire.None},
		{"the other is too old", -2, nil, old, false, false, wire.None},
		{"one is away", -1, errors.New("away"), nil, false, true, wire.None},
		{"one is away, the other too old", -1, errors.New("away"), old, false, false, wire.UnsupportedVersion},
		{"both are too old", -1, old, old, false, false, wire.UnsupportedVersion},
		{"both are away", -1, errors.New("away"), errors.New("away"), false, true, wire.CoordinatorNotAvailable},
	} {
		c := newConsumer(t)
		c.join()
		if !tc.known {
			c.restart()
		}
		for _, f := range []*fake{c.f1, c.f2} {
			from := f.respond
			f.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
				response, err := from(to, r)
				if said, ok := response.(*kmsg.ConsumerGroupHeartbeatResponse); ok && tc.assigns {
					said.Assignment = &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
				}
				return response, err
			}
		}
		c.c1.away, c.c2.away, c.epoch = tc.c1, tc.c2, tc.epoch
		if said := c.beat(); wire.ErrorCode(said.ErrorCode) != tc.want || said.ErrorCode == 0 && said.MemberEpoch != tc.epoch {
			t.Errorf("%s: answered %s, epoch %d; want %s, %d", tc.name, wire.ErrorCode(said.ErrorCode), said.MemberEpoch, tc.want, tc.epoch)
		}
	}
}

// Partitions beyond the cap are in nothing that clients are told, by whichever way the facade knows of them.
func TestNothingBeyondTheCap(t *testing.T) {
	t.Parallel()
	ways := map[string]func(c *consumer) *kmsg.ConsumerGroupHeartbeatResponse{
		"a heartbeat": func(c *consumer) *kmsg.ConsumerGroupHeartbeatResponse { return c.beat() },
		"by a proxy that forgot": func(c *consumer) *kmsg.ConsumerGroupHeartbeatResponse {
			c.beat()
			c.restart()
			return c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0})
		},
		"of what clusters say": func(c *consumer) *kmsg.ConsumerGroupHeartbeatResponse {
			c.beat()
			c.restart()
			c.beat()
			return c.beat()
		},
	}
	for name, way := range ways {
		c := newConsumer(t)
		c.join()
		c.c2.members[memberID].next = []int32{0, 1} // c2 is capped at one
		if said := way(c); said.Assignment == nil {
			t.Errorf("%s: answered %+v, want an assignment", name, said)
		} else {
			c.want(said, 0, 15, "apples[0] bananas[0]")
		}
		r := kmsg.NewPtrConsumerGroupDescribeRequest()
		r.Groups = []string{"group"}
		told := parse[*kmsg.ConsumerGroupDescribeResponse](t, wire.KeyConsumerGroupDescribe, 1, ask(t, c.broker, wire.KeyConsumerGroupDescribe, 1, r))
		for _, x := range told.Groups[0].Members[0].Assignment.TopicPartitions {
			if diff := cmp.Diff([]int32{0}, x.Partitions); diff != "" {
				t.Errorf("%s: described %s (-want +got):\n%s", name, x.Topic, diff)
			}
		}
	}
}
