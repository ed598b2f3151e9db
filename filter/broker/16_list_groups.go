package broker

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// listGroupsAPI lists the groups of all clusters, each once.
//
// All brokers of all clusters are asked. A group that several clusters have is what its home says; one that is nothing but offsets at its
// home, or is not there, is what a cluster says that knows its protocol. The filters of states (KIP-518) and types (KIP-848) are applied
// to that, and not left to clusters that have a group's offsets only.
//
// A cluster that does not answer has no groups in the list, not even those that others have offsets of, as a broker lists none whose
// coordinator is away: tools describe what is listed. If none answers it is COORDINATOR_NOT_AVAILABLE. An error that a
// broker answers is the answer's. Filters that a cluster is too old for are UNSUPPORTED_VERSION.
func listGroupsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeListGroups, Min: 0, Max: 5}, Decided: 5,
		Short: "the groups of all clusters, each once", Query: true, Serve: (*Broker).listGroups,
	}
}

const (
	// listGroupsVersion is the newest version that clusters are asked in, whatever the client's; statesIn and typesIn are those from
	// which on they tell of states and types.
	listGroupsVersion = 5
	statesIn          = 4
	typesIn           = 5
)

// listGroupsCall is one ListGroups request on its way.
type listGroupsCall struct {
	*scatter

	broker   *Broker
	request  *kmsg.ListGroupsRequest
	listed   map[string]listed
	code     wire.ErrorCode  // of the first broker that has answered one
	answered bool            // by any broker
	missed   map[string]bool // clusters of which a broker has not answered
	slowest  int32
}

// listed is a group and how much what is said of it counts.
type listed struct {
	kmsg.ListGroupsResponseGroup

	weight int
	home   bool // it is its home that says it
}

func (b *Broker) listGroups(c *Call) error {
	request, err := decode[*kmsg.ListGroupsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, 2*len(c.Body)+nameSize*(len(request.StatesFilter)+len(request.TypesFilter))); err != nil {
		return err
	}
	call := &listGroupsCall{broker: b, request: request, listed: map[string]listed{}, missed: map[string]bool{}}
	call.scatter = newScatter(c, call.finish)
	for _, cluster := range b.clusters {
		c.Note.cluster(cluster)
	}
	for i, cluster := range b.clusters {
		call.askAll(b.upstreams[cluster].Brokers, func() kmsg.Request { return kmsg.NewPtrListGroupsRequest() }, listGroupsVersion, func(r kmsg.Response, err error) {
			call.take(cluster, len(b.clusters)-i, r, err)
		}, func() {})
	}
	call.end()
	return nil
}

// nameSize is what is held for a string that is decoded, beside what it says.
const nameSize = 16

// take takes in what a broker lists. Of clusters that say the same, the one of the highest place counts.
func (l *listGroupsCall) take(cluster string, place int, r kmsg.Response, err error) {
	if err != nil {
		l.missed[cluster] = true
		l.Note.Fail(wire.CoordinatorNotAvailable, "cluster "+cluster+": "+err.Error())
		return
	}
	l.answered = true
	response := r.(*kmsg.ListGroupsResponse) //nolint:forcetypeassert // as the request is
	l.slowest = max(l.slowest, response.ThrottleMillis)
	code := wire.ErrorCode(response.ErrorCode)
	if code == wire.None && len(response.Groups) > 0 && l.tooOld(response.Version) {
		code, response.Groups = wire.UnsupportedVersion, nil
	}
	if l.code == wire.None {
		l.code = code
	}
	for i := range response.Groups {
		g := listed{ListGroupsResponseGroup: response.Groups[i], weight: place}
		g.UnknownTags = kmsg.Tags{}
		if cluster == l.broker.routes.Home(g.Group) {
			g.weight, g.home = len(l.broker.clusters)+1, true
		}
		if g.ProtocolType != "" { // more than offsets
			g.weight += len(l.broker.clusters) + 1
		}
		if g.weight > l.listed[g.Group].weight {
			l.listed[g.Group] = g
		}
	}
}

// tooOld reports whether a cluster that answers in this version does not say what is to be filtered.
func (l *listGroupsCall) tooOld(version int16) bool {
	return len(l.request.StatesFilter) > 0 && version < statesIn || len(l.request.TypesFilter) > 0 && version < typesIn
}

// wanted reports whether the filters let a group through.
func (l *listGroupsCall) wanted(g *listed) bool {
	among := func(filter []string, what string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, what) })
	}
	return among(l.request.StatesFilter, g.GroupState) && among(l.request.TypesFilter, g.GroupType)
}

// finish answers the client.
func (l *listGroupsCall) finish() {
	const head, group = 64, 32
	if !l.answered && l.code == wire.None {
		l.code = wire.CoordinatorNotAvailable
	}
	response := kmsg.NewPtrListGroupsResponse()
	response.SetVersion(l.Header.Version)
	response.ThrottleMillis, response.ErrorCode = l.slowest, int16(l.code)
	size := head
	all := l.broker.sees(l.Client, authorizer.Describe, authorizer.Cluster, "")
	for _, id := range slices.Sorted(maps.Keys(l.listed)) {
		if g := l.listed[id]; l.wanted(&g) && (g.home || g.ProtocolType != "" || !l.missed[l.broker.routes.Home(id)]) &&
			(all || l.broker.sees(l.Client, authorizer.Describe, authorizer.Group, id)) {
			response.Groups = append(response.Groups, g.ListGroupsResponseGroup)
			size += group + len(g.Group) + len(g.ProtocolType) + len(g.GroupState) + len(g.GroupType)
		}
	}
	l.Note.Fail(l.code, "")
	var summary Summary
	summary.fail(l.code)
	respond(l, size, Answer{Summary: summary}, func(dst []byte) []byte { return wire.AppendResponse(dst, l.Header, response) })
}
