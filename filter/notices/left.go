package notices

import (
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
)

// Left says that a client has gone by itself that had asked for versions only. Clients look into the list of what is served, and go when what
// they need is not there: then nothing was refused, and this is all that can be told of it.
func (n *Notices) Left(c Client) {
	if software.Parts(c.Software) != software.PartsForLogin && n.wasRefused(c) {
		return // Java's producer connects once more when it is refused a topic, and goes
	}
	message := "a client left after asking for versions only, as " + n.afterVersions(c.Software)
	n.tell(words{level: slog.LevelInfo, reason: "left_after_versions", message: message}, c, "", "")
}

// wasRefused reports whether the client was refused something of late, on whatever connection.
func (n *Notices) wasRefused(c Client) bool {
	who := c.hash()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refused.find(func(r *refused) bool { return r.who == who })
	return r != nil && time.Since(r.at) < interval
}

// afterVersions is who asks for versions only, as far as that is known.
func (n *Notices) afterVersions(name string) string {
	if n.logins {
		return "administrators do: not all that they may want is served"
	}
	switch software.Parts(name) {
	case software.PartsForLogin:
		return "its software does when it is to log in: clients do not log in to this mesh; leave SASL out of its settings, or have clients log in with authentication"
	case software.PartsForCalls:
		return "its software's administrators do: not all that they may want is served"
	default:
		return "clients do that are to log in, and administrators: clients do not log in to this mesh, and not all that administrators may want is served"
	}
}
