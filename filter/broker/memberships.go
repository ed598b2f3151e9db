package broker

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Protocol is by what a group's members are made, as clients call it in group.protocol.
type Protocol string

// The protocols.
const (
	// NoProtocol: the client is no member, and only commits.
	NoProtocol       Protocol = ""
	ClassicProtocol  Protocol = "classic"
	ConsumerProtocol Protocol = "consumer"
)

// Membership is what a client has to do with a group, for those who look at a mesh.
type Membership struct {
	// Group is its id, clipped.
	Group    string
	Protocol Protocol
	// Home is the cluster that the group lives on.
	Home string
	// Rebalances is how often the client has been assigned anew on its connection.
	Rebalances int
	// Commits are the clusters that it has had offsets committed on.
	Commits []string

	heard time.Time
}

const (
	// maxMemberships is of how many groups is remembered what a client has to do with them: those that it asked of last.
	maxMemberships = 4
	// maxGroupName is how much is kept of a group's id, and maxCommits how many clusters are.
	maxGroupName = 256
	maxCommits   = 8
	// memberSilence is how long a member may say nothing. The longest session that brokers allow by default is as long.
	memberSilence = 30 * time.Minute
)

// memberships are what a client has to do with groups, the last heard of first. The zero value is nothing. Any goroutine may use it; it is
// one client's, so nobody waits for its mutex but who looks at the mesh.
type memberships struct {
	mu   sync.Mutex
	list []Membership
}

// all is a copy of them.
func (m *memberships) all(now time.Time) []Membership {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Membership, 0, len(m.list))
	for _, one := range m.list {
		one.Commits = slices.Clone(one.Commits)
		if now.Sub(one.heard) > memberSilence {
			one.Protocol = NoProtocol
		}
		all = append(all, one)
	}
	return all
}

// touch is what is known of a group, which is then the first. m.mu is held.
func (m *memberships) touch(group, home string) *Membership {
	name := wire.Clip(group, maxGroupName)
	at := slices.IndexFunc(m.list, func(one Membership) bool { return one.Group == name })
	if at < 0 {
		if len(m.list) < maxMemberships {
			m.list = append(m.list, Membership{})
		}
		at = len(m.list) - 1
		m.list[at] = Membership{Group: strings.Clone(name)}
	}
	one := m.list[at]
	copy(m.list[1:at+1], m.list[:at])
	one.Home, one.heard = home, time.Now()
	m.list[0] = one
	return &m.list[0]
}

// member takes down that the client is a member, and whether it has just been assigned anew.
func (m *memberships) member(group, home string, p Protocol, rebalanced bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.touch(group, home)
	one.Protocol = p
	if rebalanced {
		one.Rebalances++
	}
}

// noMember takes down that the client is a member no more.
func (m *memberships) noMember(group string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.list {
		if m.list[i].Group == wire.Clip(group, maxGroupName) {
			m.list[i].Protocol = NoProtocol
		}
	}
}

// commit takes down that a cluster has taken offsets of the client's.
func (m *memberships) commit(group, home, cluster string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.touch(group, home)
	if len(one.Commits) < maxCommits && !slices.Contains(one.Commits, cluster) {
		one.Commits = append(one.Commits, cluster)
	}
}

// Memberships are what the client has to do with groups.
func (c *Client) Memberships() []Membership { return c.memberships.all(time.Now()) }

// answered takes down what a home has answered a member of the classic protocol.
func (m *memberships) answered(request kmsg.Request, group, home string, code wire.ErrorCode) {
	switch code {
	case wire.None, wire.RebalanceInProgress:
	case wire.UnknownMemberID, wire.FencedInstanceID:
		m.noMember(group)
		return
	default: // it says nothing of the member
		return
	}
	switch request.(type) {
	case *kmsg.LeaveGroupRequest:
		m.noMember(group)
	case *kmsg.SyncGroupRequest:
		m.member(group, home, ClassicProtocol, code == wire.None)
	default:
		m.member(group, home, ClassicProtocol, false)
	}
}

// takeDown takes down what the answer to a heartbeat says of the member.
func (h *heartbeatCall) takeDown() {
	of, said := &h.Client.memberships, h.response
	switch code := wire.ErrorCode(said.ErrorCode); {
	case h.request.MemberEpoch < 0, code == wire.UnknownMemberID, code == wire.FencedMemberEpoch, code == wire.FencedInstanceID:
		of.noMember(h.key.Group)
	case code == wire.None:
		of.member(h.key.Group, h.broker.routes.Home(h.key.Group), ConsumerProtocol, said.Assignment != nil)
	}
}

// RefusedCommit is a commit, or a part of one, that was refused.
type RefusedCommit struct {
	// Group is its id, clipped, and Home the cluster that it lives on.
	Group, Home string
	// Cluster has refused it; empty: the mesh has.
	Cluster string
	Code    wire.ErrorCode
	// Why says more than the code; it may be empty.
	Why string
	// Client has sent it.
	Client *Client
}

// OnRefusedCommit has tell called, by any goroutine, for each such commit. It is for before the first request.
func (b *Broker) OnRefusedCommit(tell func(RefusedCommit)) { b.refusedCommit = tell }

// takeDown takes down where offsets were committed, and what was refused first.
func (o *commitCall) takeDown() {
	group := o.request.Group
	home := o.broker.routes.Home(group)
	for _, name := range o.clusters {
		if o.firstOf(name, func(code wire.ErrorCode) bool { return code == wire.None }) != nil {
			o.Client.memberships.commit(group, home, name)
		}
	}
	refused := RefusedCommit{Group: wire.Clip(group, maxGroupName), Home: home, Client: o.Client, Code: o.refusal.Code, Why: o.refusal.Why()}
	if f := o.refusal.Foreign; f != nil {
		refused.Cluster = f.Cluster
	}
	for _, name := range o.clusters {
		if code := o.firstOf(name, func(code wire.ErrorCode) bool { return failure(code) != wire.None }); code != nil && refused.Code == wire.None {
			refused.Cluster, refused.Code = o.refuser(name), *code
		}
	}
	if refused.Code != wire.None && !o.Client.leaves() { // else it is we who have let go of it
		o.broker.refusedCommit(refused)
	}
}

// refuser is the cluster that has refused what was for a cluster; empty: the mesh has.
func (o *commitCall) refuser(cluster string) string {
	if by, kept := o.keptBack[cluster]; kept {
		return by
	}
	return cluster
}

// firstOf is the first code of a cluster's partitions that is so; nil: none is.
func (o *commitCall) firstOf(cluster string, so func(wire.ErrorCode) bool) *wire.ErrorCode {
	for _, place := range o.of[cluster] {
		for i := range o.codes[place] {
			if so(o.codes[place][i]) {
				return &o.codes[place][i]
			}
		}
	}
	return nil
}
