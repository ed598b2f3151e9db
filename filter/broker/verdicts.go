package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// verdictCost is what is held for each group that clusters are asked about, beside its name, until they have answered.
const verdictCost = 512

// verdict is what a cluster says of one group, or several clusters together.
type verdict struct {
	// code is GroupIDNotFound if the cluster does not have the group.
	code   wire.ErrorCode
	answer any // as the API has it; nil: none
}

// verdicts is a request about groups on its way: first to the home of each, then, where that is needed, to the other clusters.
// A group is known to its coordinator alone, so all brokers of a cluster are asked: the others say that they do not coordinate it.
type verdicts struct {
	*scatter

	broker  *Broker
	groups  []string  // each once
	of      []verdict // of each
	refusal Refusal

	// request makes what a broker is asked about some groups, in the version most at most.
	request func(groups []string) kmsg.Request
	most    int16
	// each calls said for each group of a broker's answer.
	each func(r kmsg.Response, said func(group string, v verdict))
	// elsewhere reports whether the other clusters are to be asked too, after what the home has said.
	elsewhere func(home wire.ErrorCode) bool
	// over reports whether what one cluster says counts, and not what others have said.
	over func(code, others wire.ErrorCode) bool
}

// once leaves out the names that are there before.
func once(groups []string) []string {
	seen := make(map[string]struct{}, len(groups))
	kept := groups[:0]
	for _, id := range groups {
		if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			kept = append(kept, id)
		}
	}
	return kept
}

// allowed are the places of the groups with which the client may do something. The others have their verdict.
func (v *verdicts) allowed(o authorizer.Operation) (at []int) {
	for i, id := range v.groups {
		if v.broker.may(v.Call, o, authorizer.Group, id, &v.refusal) {
			at = append(at, i)
		} else {
			v.of[i].code = wire.GroupAuthorizationFailed
		}
	}
	return at
}

// count has a summary count what a group is answered, if that is no denial.
func (v *verdicts) count(s *Summary, code wire.ErrorCode) {
	v.Note.Fail(code, "")
	if code != wire.None && code == v.refusal.Code {
		s.Failed++
	} else {
		s.fail(code)
	}
}

// ask asks about the groups at some places.
func (v *verdicts) ask(at []int) {
	homes, of := byCluster(len(at), func(i int) (string, bool) { return v.broker.routes.Home(v.groups[at[i]]), true })
	for _, home := range homes {
		which := of[home]
		for i, n := range which {
			which[i] = at[n]
		}
		v.locked(func() { v.Note.cluster(home) })
		v.askCluster(home, which, func(said []verdict) { v.askOthers(home, which, said) })
	}
}

// askOthers takes over what a home has said, and asks the other clusters where that is needed.
func (v *verdicts) askOthers(home string, at []int, said []verdict) {
	more := v.takeHome(at, said)
	if len(more) == 0 {
		return
	}
	for _, cluster := range v.broker.clusters {
		if cluster != home {
			v.askCluster(cluster, more, func(said []verdict) { v.takeOther(more, said) })
		}
	}
}

// takeHome takes over what a home has said, and returns the places of the groups that the other clusters are to be asked about.
func (v *verdicts) takeHome(at []int, said []verdict) (more []int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, place := range at {
		v.of[place] = said[i]
		if v.elsewhere(said[i].code) {
			more = append(more, place)
		}
	}
	if len(more) > 0 {
		for _, cluster := range v.broker.clusters {
			v.Note.cluster(cluster)
		}
	}
	return more
}

// takeOther takes over what another cluster has said, where that counts.
func (v *verdicts) takeOther(at []int, said []verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, place := range at {
		if v.over(said[i].code, v.of[place].code) {
			v.of[place] = said[i]
		}
	}
}

// askCluster asks all brokers of a cluster about the groups at some places, and calls then with what these say together.
func (v *verdicts) askCluster(cluster string, at []int, then func(said []verdict)) {
	names, places := make([]string, len(at)), make(map[string]int, len(at))
	said := make([]verdict, len(at))
	for i, place := range at {
		names[i], places[v.groups[place]] = v.groups[place], i
		said[i].code = wire.NotCoordinator
	}
	v.askAll(v.broker.upstreams[cluster].Brokers, func() kmsg.Request { return v.request(names) }, v.most, func(r kmsg.Response, err error) {
		if err != nil {
			failed, _ := unanswered(err)
			for i := range said {
				if said[i].code == wire.NotCoordinator {
					said[i].code = failed
				}
			}
			return
		}
		v.each(r, func(group string, one verdict) {
			if i, asked := places[group]; asked && one.code != wire.NotCoordinator {
				said[i] = one
			}
		})
	}, func() { then(said) })
}

// askAll sends a part to every broker of a cluster, and has take look at what came of each, one at a time. A cluster whose brokers are not
// known is one that does not answer. Then then is called.
func (s *scatter) askAll(b Brokers, request func() kmsg.Request, most int16, take func(kmsg.Response, error), then func()) {
	s.begin()
	if b == nil { // there is no such cluster
		s.locked(func() { take(nil, errNobody) })
		then()
		s.end()
		return
	}
	b.Nodes(func(ids []int32) {
		defer answerAfterPanic(s)
		left := len(ids)
		if left == 0 {
			s.locked(func() { take(nil, errNobody) })
			then()
			s.end()
		}
		for _, id := range ids {
			b.Call(target.Node(id), request(), most, func(r kmsg.Response, err error) {
				defer answerAfterPanic(s)
				last := false
				s.locked(func() {
					take(r, err)
					left--
					last = left == 0
				})
				if last {
					then()
					s.end()
				}
			})
		}
	})
}

var errNobody = errors.New("no broker of the cluster is known")
