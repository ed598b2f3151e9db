package health

import (
	"errors"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// User is a user of the cluster that clients have of their own. That it cannot log in is its own trouble, and not the cluster's. Its methods
// may be called from any goroutine, and never wait.
type User struct {
	cluster  *Cluster
	identity string
}

var _ upstream.Troubles = (*User)(nil)

// User returns one that is called so in logs.
func (c *Cluster) User(identity string) *User { return &User{c, identity} }

// Client returns a client that dials as inner does, and of whose dials the cluster is told.
//
//nolint:ireturn // it is what workers take
func (u *User) Client(inner upstream.Client) upstream.Client {
	return &client{Client: inner, cluster: u.cluster, user: u}
}

// Lost implements upstream.Troubles.
func (u *User) Lost(addr string, err error) {
	if !ofLogin(err) {
		u.cluster.Lost(addr, err)
	}
}

// NotAsked implements upstream.Troubles.
func (u *User) NotAsked(err error) {
	if !ofLogin(err) {
		u.cluster.NotAsked(err)
	}
}

// refused takes note that the user could not log in.
func (u *User) refused(addr string, err error) {
	c := u.cluster
	c.stats.ConnectFailures.Add(1)
	c.stats.LoginFailures.Add(1)
	c.locked(func() {
		c.warn("the cluster does not let an identity log in; what its clients send waits, and fails", u.identity,
			"identity", u.identity, "address", addr, "error", Words(err, asItIs))
	})
}

// ofLogin reports whether an error is of a login.
func ofLogin(err error) bool {
	_, is := errors.AsType[*dial.LoginError](err)
	return is
}
