package upstream

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

var (
	// errGone says that the client of a call is gone.
	errGone = errors.New("its client is gone")
	// errWithdrawn says that a call was not to be sent any more.
	errWithdrawn = errors.New("it was not to be sent any more")
)

// Own is links of one client's own into a cluster: for requests that a broker answers when others have come, and that would hold up those
// of other clients on a link that is shared. Its methods may be called from any goroutine and never wait.
type Own struct {
	cluster *Cluster
	calls   calls
	polls   *fetch.Polls
}

var _ fetch.Cluster = (*Cluster)(nil)

// Own returns those of a new client, who has to close them. There is no link yet. Calls say that they are of clientID, if that is not empty:
// a coordinator tells who its members are by it.
func (u *Cluster) Own(clientID string) *Own {
	if clientID != "" {
		clientID = u.settings.ClientPrefix + clientID
	}
	s := u.settings.fetch(u.panics, u.room, u.fetched)
	s.SessionPartitions = u.sessions
	return &Own{cluster: u, calls: calls{clientID: clientID}, polls: fetch.New(u, s)}
}

// Call is Cluster.Call on a link of the client's own, one to a broker, where a broker may take so long to answer. One call at a time is
// on its way to a broker: it answers in order.
func (o *Own) Call(to target.Broker, request kmsg.Request, most int16, within time.Duration, done func(kmsg.Response, error)) {
	o.cluster.call(&o.calls, to, request, most, within, done)
}

// CallIf is Call for a request that may be sent only while still says so, which is asked right before it is written.
func (o *Own) CallIf(to target.Broker, request kmsg.Request, most int16, within time.Duration, still func() bool, done func(kmsg.Response, error)) {
	o.cluster.callIf(&o.calls, to, request, most, within, still, done)
}

// Fetch has partitions read as a client asks for it, as fetch.Polls.Fetch does.
func (o *Own) Fetch(version int16, r *wire.FetchRequest, news func()) *fetch.Fetching {
	return o.polls.Fetch(version, r, news)
}

// Close ends the links, and what is on its way on them. Calls fail from now on.
func (o *Own) Close() {
	o.polls.Close()
	for _, l := range o.calls.close(func() {}) {
		l.Close(errGone)
	}
}
