package upstream

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// findCoordinatorVersion is the newest FindCoordinator that is asked: from 4 on several groups can be asked for at once.
	findCoordinatorVersion = 3
	// coordinatorAge is how long a coordinator is believed in that nobody has doubted.
	coordinatorAge = 5 * time.Minute
	// maxCoordinators is how many groups' coordinators are remembered, and maxRemembered how long a group's id may be for that.
	maxCoordinators = 10_000
	// maxLooked is how many of them are looked at to make room for another.
	maxLooked     = 16
	maxRemembered = 256
)

// CoordinatorError says that a cluster does not say who coordinates a group.
type CoordinatorError struct {
	Code    wire.ErrorCode
	Message string // of the broker; may be empty
}

// ErrorCode is what clients are told.
func (e *CoordinatorError) ErrorCode() wire.ErrorCode { return e.Code }

func (e *CoordinatorError) Error() string {
	if e.Message == "" {
		return "find the group's coordinator: " + e.Code.String()
	}
	return fmt.Sprintf("find the group's coordinator: %s: %s", e.Code, wire.Clip(e.Message, maxSaid))
}

// maxSaid is how much is quoted of what a broker said.
const maxSaid = 512

// coordinators is what is known of who coordinates groups. Any goroutine may use it.
type coordinators struct {
	mu     sync.Mutex
	groups map[string]*coordinator
}

// coordinator is what is known of one group's, guarded by the mutex of coordinators.
type coordinator struct {
	addr    string // empty: it is asked for
	asked   time.Time
	waiting []func(addr string, err error)
}

// find gives the address of a group's coordinator, from memory or when the cluster has been asked. done is called once, from any
// goroutine and possibly before find returns.
func (c *coordinators) find(u *Cluster, group string, done func(addr string, err error)) {
	now := time.Now()
	c.mu.Lock()
	known := c.groups[group]
	switch {
	case known == nil || known.addr != "" && now.Sub(known.asked) > coordinatorAge:
		known = &coordinator{asked: now, waiting: []func(string, error){done}}
		if len(group) <= maxRemembered {
			c.remember(group, known)
		}
		c.mu.Unlock()
		u.askCoordinator(group, func(addr string, err error) { c.learn(group, known, addr, err) })
	case known.addr == "":
		known.waiting = append(known.waiting, done)
		c.mu.Unlock()
	default:
		addr := known.addr
		c.mu.Unlock()
		done(addr, nil)
	}
}

// known is the address of a group's coordinator, as far as it is remembered; else empty.
func (c *coordinators) known(group string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.groups[group]; known != nil {
		return known.addr
	}
	return ""
}

// Coordinator is the address of a group's coordinator, for those who look at a mesh; empty: it is not known. Nobody is asked.
func (u *Cluster) Coordinator(group string) string { return u.coordinators.known(group) }

// remember takes in what is asked for, unless there is no room. c.mu is held.
func (c *coordinators) remember(group string, n *coordinator) {
	if c.groups == nil {
		c.groups = map[string]*coordinator{}
	}
	looked := 0
	for other, known := range c.groups {
		if looked++; len(c.groups) < maxCoordinators || looked > maxLooked {
			break
		}
		if known.addr != "" {
			delete(c.groups, other)
		}
	}
	if len(c.groups) < maxCoordinators {
		c.groups[group] = n
	}
}

// learn takes over what came of asking, and tells who waits.
func (c *coordinators) learn(group string, n *coordinator, addr string, err error) {
	c.mu.Lock()
	n.addr = addr
	waiting := n.waiting
	n.waiting = nil
	if err != nil && c.groups[group] == n {
		delete(c.groups, group)
	}
	c.mu.Unlock()
	for _, done := range waiting {
		done(addr, err)
	}
}

// doubt has a group's coordinator asked for again by who needs it next.
func (c *coordinators) doubt(group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.groups[group]; known != nil && known.addr != "" {
		delete(c.groups, group)
	}
}

// askCoordinator asks any broker who coordinates a group. That makes the cluster's topic of offsets, if it has none yet.
func (u *Cluster) askCoordinator(group string, done func(addr string, err error)) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey = group
	u.Call(target.Any(), request, findCoordinatorVersion, func(r kmsg.Response, err error) {
		if err != nil {
			done("", err)
			return
		}
		said := r.(*kmsg.FindCoordinatorResponse) //nolint:forcetypeassert // as the request is
		if code := wire.ErrorCode(said.ErrorCode); code != wire.None {
			message := ""
			if said.ErrorMessage != nil {
				message = *said.ErrorMessage
			}
			done("", &CoordinatorError{code, message})
			return
		}
		done(net.JoinHostPort(said.Host, strconv.Itoa(int(said.Port))), nil)
	})
}
