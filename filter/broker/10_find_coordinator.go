package broker

import (
	"cmp"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// findCoordinatorAPI tells that the facade coordinates every group.
//
// The coordinator is node 0, at the address that the client is to use, if the group's home says that there is one: its error is the
// answer. The other clusters are asked too, for that has them make the topic that their offsets will be in, and nobody waits for them.
// What is asked of a cluster for several groups is asked at once, where it knows version 4. A home that does not answer in a moment is
// told of as COORDINATOR_NOT_AVAILABLE, which clients retry.
//
// Transactions are not served, and the answer is one that no client retries: TRANSACTIONAL_ID_AUTHORIZATION_FAILED. The versions after 4
// are for transactions and share groups.
func findCoordinatorAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeFindCoordinator, Min: 0, Max: 4}, Decided: 6,
		Short: "the facade, for every group", Query: true, Serve: (*Broker).findCoordinator,
	}
}

const (
	// The types of what has a coordinator.
	groupCoordinator       = 0
	transactionCoordinator = 1

	// severalIn is the version from which on a request is for several groups.
	severalIn = 4
	// keyCost is what is held for each group that is asked for.
	keyCost = 512
	// moment is how long a cluster is waited for that others should not wait for.
	moment = 5 * time.Second
)

// coordinatorsCall is one FindCoordinator request on its way.
type coordinatorsCall struct {
	*scatter

	broker *Broker
	groups []string
	found  []found // of each group

	refusal Refusal
}

// found is what a group's home says of its coordinator.
type found struct {
	code    wire.ErrorCode
	message string
}

func (b *Broker) findCoordinator(c *Call) error {
	request, err := decode[*kmsg.FindCoordinatorRequest](b, c)
	if err != nil {
		return err
	}
	keys := request.CoordinatorKeys
	if c.Header.Version < severalIn {
		keys = []string{request.CoordinatorKey}
	}
	if err := hold(c, len(c.Body)+keyCost*len(keys)); err != nil {
		return err
	}
	call := &coordinatorsCall{broker: b, groups: keys, found: make([]found, len(keys))}
	call.scatter = newScatter(c, func() { call.finish(call.refusal) })
	switch request.CoordinatorType {
	case groupCoordinator:
		call.ask()
		call.end()
	case transactionCoordinator:
		call.fail(wire.TransactionalIDAuthorizationFailed, noTransactions)
		call.finish(Refusal{Code: wire.TransactionalIDAuthorizationFailed, Kind: wire.Transactions})
	default:
		const reason = "there are coordinators of groups and of transactions, and no others"
		call.fail(wire.InvalidRequest, reason)
		call.finish(Refusal{Code: wire.InvalidRequest, Reason: reason})
	}
	return nil
}

// fail gives all groups an error.
func (f *coordinatorsCall) fail(code wire.ErrorCode, message string) {
	for i := range f.found {
		f.found[i] = found{code, message}
	}
}

// ask asks the homes of the groups, and has the other clusters get ready.
func (f *coordinatorsCall) ask() {
	f.fail(wire.CoordinatorNotAvailable, "the group's home cluster does not answer")
	allowed := ""
	homes, of := byCluster(len(f.groups), func(i int) (string, bool) {
		if !f.broker.may(f.Call, authorizer.Describe, authorizer.Group, f.groups[i], &f.refusal) {
			f.found[i] = found{code: wire.GroupAuthorizationFailed}
			return "", false
		}
		allowed = cmp.Or(allowed, f.groups[i])
		return f.broker.routes.Home(f.groups[i]), true
	})
	for _, name := range homes {
		f.Note.cluster(name)
		if home := f.broker.upstreams[name].Brokers; home != nil {
			f.askHome(home, of[name])
		}
	}
	for name, up := range f.broker.upstreams {
		if of[name] == nil && len(homes) > 0 {
			f.broker.prepare(name, up.Brokers, allowed)
		}
	}
}

// askHome asks a cluster for the coordinators of groups, by their places.
func (f *coordinatorsCall) askHome(home Brokers, at []int) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey = f.groups[at[0]]
	for _, i := range at {
		request.CoordinatorKeys = append(request.CoordinatorKeys, f.groups[i])
	}
	f.askSoon(home, target.Any(), request, severalIn, moment, func(r kmsg.Response, err error) {
		if err == nil {
			f.take(at, r.(*kmsg.FindCoordinatorResponse)) //nolint:forcetypeassert // as the request is
			return
		}
		if code, known := unanswered(err); known {
			for _, i := range at {
				f.found[i].code = code
			}
		}
	})
}

// take takes over what a cluster has said of groups, by their places.
func (f *coordinatorsCall) take(at []int, said *kmsg.FindCoordinatorResponse) {
	if said.Version < severalIn { // of the first group: most errors are of all
		for _, i := range at {
			f.found[i] = found{wire.ErrorCode(said.ErrorCode), told(said.ErrorMessage)}
		}
		return
	}
	of := make(map[string]found, len(said.Coordinators))
	for i := range said.Coordinators {
		one := &said.Coordinators[i]
		of[one.Key] = found{wire.ErrorCode(one.ErrorCode), told(one.ErrorMessage)}
	}
	for _, i := range at {
		if one, there := of[f.groups[i]]; there {
			f.found[i] = one
		}
	}
}

// told is a message of a broker's.
func told(message *string) string {
	if message == nil {
		return ""
	}
	return wire.Clip(*message, maxSaid)
}

// prepared are clusters that are known to have a topic of offsets.
type prepared struct{ clusters sync.Map }

// prepare has a cluster make its topic of offsets, by asking for a group's coordinator, unless it is known to have it.
func (b *Broker) prepare(name string, brokers Brokers, group string) {
	if _, known := b.prepared.clusters.Load(name); known {
		return
	}
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey = group
	brokers.Call(target.Any(), request, severalIn-1, func(r kmsg.Response, err error) {
		if said, ok := r.(*kmsg.FindCoordinatorResponse); err == nil && ok && wire.ErrorCode(said.ErrorCode) == wire.None {
			b.prepared.clusters.Store(name, struct{}{})
		}
	})
}

// finish answers the client.
func (f *coordinatorsCall) finish(refusal Refusal) {
	const head, coordinator = 160, 64
	response := kmsg.NewPtrFindCoordinatorResponse()
	response.Coordinators = make([]kmsg.FindCoordinatorResponseCoordinator, len(f.groups))
	size := head + len(f.Body)
	var summary Summary
	for i := range f.found {
		one := &f.found[i]
		if one.code == wire.GroupAuthorizationFailed && f.Header.Version < severalIn {
			one.message = groupDenied // later versions have no words for it
		}
		f.Note.Fail(one.code, one.message)
		if refusal.Code == wire.None {
			summary.fail(one.code)
		}
		if one.code == wire.None {
			one.message = ""
		}
		c := &response.Coordinators[i]
		c.Key, c.NodeID, c.Port = f.groups[i], -1, -1
		c.ErrorCode, c.ErrorMessage = int16(one.code), &one.message
		if one.code == wire.None {
			c.NodeID, c.Host, c.Port = 0, f.Client.Host, f.Client.Port
		}
		size += coordinator + len(c.Host) + len(one.message)
	}
	if f.Header.Version < severalIn {
		response.ErrorCode, response.ErrorMessage = response.Coordinators[0].ErrorCode, response.Coordinators[0].ErrorMessage
		response.NodeID, response.Host, response.Port = response.Coordinators[0].NodeID, response.Coordinators[0].Host, response.Coordinators[0].Port
		if response.ErrorCode == 0 {
			response.ErrorMessage = new(wire.None.String()) // as a broker says
		}
	}
	response.SetVersion(f.Header.Version)
	respond(f, size, Answer{Refusal: refusal, Summary: summary}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, f.Header, response)
	})
}
