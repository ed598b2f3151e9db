package survey

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
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

// silentError says that a broker does not answer.
type silentError struct{ after time.Duration }

func (e *silentError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// unreachable says why a broker cannot be used.
func (s *surveyor) unreachable(b *Broker, err error) Finding {
	why := strings.TrimPrefix(err.Error(), "connect to "+b.Addr+": ")
	f := Finding{What: strings.TrimPrefix(why, "ask "+b.Addr+" for its versions: "), Do: s.advice(b, err)}
	if !b.Bootstrap {
		f.What += " (the cluster tells its clients to connect there)"
	}
	return f
}

// advice is what to do about it that the error itself does not say.
func (s *surveyor) advice(b *Broker, err error) string {
	var unknown *net.DNSError
	var silent *silentError
	switch {
	case errors.As(err, &silent) && s.Settings.Dial.TLS != nil:
		return "see whether a firewall drops what is sent there, and whether the port speaks TLS"
	case errors.As(err, &silent):
		return "see whether a firewall drops what is sent there, and whether the port wants TLS"
	case errors.Is(err, io.EOF) && s.Settings.Dial.SASL != nil:
		return "see whether the login is right; the broker's log says more"
	case !b.Bootstrap:
		return "see whether the broker runs, and whether its advertised.listeners has an address for who comes from here"
	case errors.As(err, &unknown):
		return "correct the name in bootstrap_servers, or have the DNS of this machine know it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "see whether the broker runs, and whether bootstrap_servers has its port"
	default:
		return ""
	}
}
