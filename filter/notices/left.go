package notices

import (
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
)

// Visit is what a client has asked for that leaves by itself.
type Visit uint8

const (
	// VisitOther is one of which nothing can be said.
	VisitOther Visit = iota
	// VisitVersions is for versions, and nothing else.
	VisitVersions
	// VisitTopics is for topics, and for nothing but versions beside.
	VisitTopics
	// VisitFixedTopics is VisitTopics where topics were asked for by name, and are not to be created.
	VisitFixedTopics
)

// Left says that a client has gone by itself. Clients look into the list of what is served, and go when what they need is not there: then
// nothing was refused, and this is all that can be told of it.
func (n *Notices) Left(c Client, v Visit) {
	w := ofVisit(c, v)
	switch {
	case w.message == "":
	case v == VisitVersions && software.Parts(c.Software) != software.PartsForLogin && n.wasRefused(c):
		// Java's producer connects once more when it is refused a topic, and goes.
	default:
		n.tell(w, c, "", "")
	}
}

// wasRefused reports whether the client was refused something of late, on whatever connection.
func (n *Notices) wasRefused(c Client) bool {
	who := c.hash()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refused.find(func(r *refused) bool { return r.who == who })
	return r != nil && time.Since(r.at) < interval
}

// ofVisit is what may be said of a visit, with no message if that is nothing.
func ofVisit(c Client, v Visit) words {
	w := words{level: slog.LevelInfo}
	switch {
	case v == VisitVersions:
		w.reason, w.message = "left_after_versions", "a client left after asking for versions only, as "+afterVersions(c.Software)
	case v == VisitFixedTopics && software.TellsConsumers(c.Software):
		w.reason, w.message = "left_after_topics", "a client left after asking for topics only, as its software's consumers do: "+
			"consumers are not served; have it connect to the cluster itself"
	}
	return w
}

// afterVersions is who asks for versions only, as far as that is known.
func afterVersions(name string) string {
	switch software.Parts(name) {
	case software.PartsForLogin:
		return "its software does when it is to log in: clients do not log in to the mesh; leave SASL out of its settings"
	case software.PartsForCalls:
		return "its software's administrators do, and its consumers without a group: they are not served"
	default:
		return "clients do that are to log in, administrators, and consumers: they are not served"
	}
}
