package broker

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// groupTime is how long a coordinator may take for what it answers soon.
	groupTime = 30 * time.Second
	// rebalanceSlack is how much longer than the members' rebalance timeout a coordinator may take to end a rebalance.
	rebalanceSlack = 30 * time.Second
	// maxRebalance is that timeout where a request does not say it.
	maxRebalance = 30 * time.Minute
)

// sender sends a request to a broker, as Brokers.Call does.
type sender = func(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error))

// groupRequest is a request to the coordinator of a group in one cluster.
type groupRequest struct {
	brokers Brokers // nil: there is no such cluster
	group   string
	request kmsg.Request
	most    int16
	// code is the error that a response has for the whole group.
	code func(kmsg.Response) wire.ErrorCode
	// send sends it.
	send sender
	// harmless says that it may come twice to a broker.
	harmless bool
}

// ask sends the request, and calls done once with the response, or nil if there is none, and with the code that the client is told. What a
// broker has refused for not being the coordinator goes once more to the one that is; so does what is harmless and has no answer.
func (g *groupRequest) ask(done func(kmsg.Response, wire.ErrorCode)) {
	if g.brokers == nil {
		done(nil, wire.CoordinatorNotAvailable)
		return
	}
	g.try(true, done)
}

func (g *groupRequest) try(first bool, done func(kmsg.Response, wire.ErrorCode)) {
	to := target.Coordinator(g.group)
	g.send(to, g.request, g.most, func(r kmsg.Response, err error) {
		if err != nil {
			code, known := unanswered(err)
			if first && g.harmless && !known {
				g.try(false, done)
				return
			}
			done(nil, code)
			return
		}
		code := g.code(r)
		if code == wire.NotCoordinator || code == wire.CoordinatorNotAvailable {
			g.brokers.Doubt(to)
		}
		if first && code == wire.NotCoordinator {
			g.try(false, done)
			return
		}
		done(r, code)
	})
}

// coded is an error that says what clients are told.
type coded interface {
	error
	ErrorCode() wire.ErrorCode
}

// unanswered is what clients are told for want of an answer about a group. known says that asking again does not help.
func unanswered(err error) (code wire.ErrorCode, known bool) {
	if said, ok := errors.AsType[coded](err); ok {
		return said.ErrorCode(), true
	}
	if errors.Is(err, wire.ErrVersion) {
		return wire.UnsupportedVersion, true
	}
	return wire.CoordinatorNotAvailable, false
}

// homeRequest is a request that goes to the coordinator at the group's home as it came, and comes back so.
type homeRequest struct {
	groupRequest

	// failed is the response that is made here, for want of one.
	failed func(wire.ErrorCode) kmsg.Response
	// renew says what an old version does as the client's has it; nil: they say the same.
	renew func(kmsg.Response)
	// inTurn has it wait for the end of what its client has asked before, as with a broker.
	inTurn bool
	// within is how long the coordinator may take, on a connection of the client's own. Zero: it answers soon, and clients share one.
	within time.Duration
}

// passOn has a request of a client's answered by the home of its group.
func (b *Broker) passOn(c *Call, h *homeRequest) {
	var refusal Refusal
	if !b.may(c, authorizer.Read, authorizer.Group, h.group, &refusal) {
		c.Note.Fail(refusal.Code, refusal.Why())
		answerWith(c, h.failed(refusal.Code), Answer{Refusal: refusal})
		return
	}
	name := b.routes.Home(h.group)
	c.Note.cluster(name)
	h.brokers = b.upstreams[name].Brokers
	switch {
	case h.brokers == nil: // nothing is sent
	case h.within > 0:
		h.send = onOwn(c, h.brokers, h.within)
	default:
		h.send = h.brokers.Call
	}
	send := func(done func()) {
		h.ask(func(r kmsg.Response, code wire.ErrorCode) {
			defer done()
			defer answerAfterPanic(c)
			switch {
			case r == nil:
				r = h.failed(code)
			case h.renew != nil:
				h.renew(r)
			}
			c.Note.Fail(code, "")
			c.Client.memberships.answered(h.request, h.group, name, code)
			answerWith(c, r, Answer{Summary: Summary{Code: failure(code)}})
		})
	}
	if h.inTurn {
		c.Client.groups.add(c, send)
		return
	}
	send(func() {})
}

// onOwn sends on connections of the client's own, which answer when others have come.
func onOwn(c *Call, b Brokers, within time.Duration) sender {
	return func(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error)) {
		c.Client.ownOf(b).Call(to, request, most, within, done)
	}
}

// failure is a code, unless it is a step in a group's life.
func failure(code wire.ErrorCode) wire.ErrorCode {
	switch code {
	case wire.RebalanceInProgress, wire.MemberIDRequired:
		return wire.None
	default:
		return code
	}
}

// answerWith answers c with a response of a size that is not known before.
func answerWith(c *Call, r kmsg.Response, a Answer) {
	r.SetVersion(c.Header.Version)
	frame := wire.AppendResponse(nil, c.Header, r)
	if err := hold(c, len(frame)); err != nil {
		c.Answer(Answer{Violation: err})
		return
	}
	a.Frame = frame
	c.Answer(a)
}
