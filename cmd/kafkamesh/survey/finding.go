package survey

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// Finding is something that is wrong.
type Finding struct {
	What    string // in words
	Do      string // about it; empty: What says it
	Warning bool   // the mesh works today
}

// Failed says whether there is one among them that is no warning.
func Failed(all []Finding) bool {
	for _, f := range all {
		if !f.Warning {
			return true
		}
	}
	return false
}

// silentError says that a broker does not answer, with which we are connected.
type silentError struct{ after time.Duration }

func (e *silentError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// unreachable says why a broker cannot be used.
func (s *surveyor) unreachable(b *Broker, err error) Finding {
	if at, ok := errors.AsType[*link.BrokerError](err); ok {
		err = at.Err
	}
	f := Finding{What: err.Error(), Do: s.advice(b, err)}
	if !b.Bootstrap {
		f.What += " (the cluster tells its clients to connect there)"
	}
	return f
}

// advice is what to do about it that the error itself does not say.
func (s *surveyor) advice(b *Broker, err error) string {
	var (
		login   *dial.LoginError
		unknown *net.DNSError
		reentry *dial.ReentryError
	)
	switch {
	case errors.As(err, &reentry): // it says so itself
		return ""
	case errors.As(err, &login):
		return "see whether sasl of the cluster is right, or the certificate in its tls; the broker's log says more"
	case !b.Bootstrap:
		return "see whether the broker runs, and whether its advertised.listeners has an address for who comes from here"
	case errors.As(err, &unknown) && s.Settings.Dial.Socket.DNSServer != "":
		return "correct the name in bootstrap_servers, or dial.dns_server"
	case errors.As(err, &unknown):
		return "correct the name in bootstrap_servers, or have the DNS of this machine know it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "see whether the broker runs, and whether bootstrap_servers has its port"
	default:
		return ""
	}
}
