package link

import (
	"context"
	"net"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Dialer connects to brokers. Package saramaclient has the real one.
type Dialer interface {
	// Dial connects to the broker at addr, negotiates versions and logs in. The connection is the caller's.
	Dial(ctx context.Context, addr string) (Conn, error)
}

// Conn is a connection to one broker that is logged in, taken over from whoever dialled it.
type Conn struct {
	// Conn is for reading and writing. Without TLS it is the socket itself, so that several slices are written by one writev.
	Conn net.Conn
	// Close closes Conn and lets go of what else belongs to it. It may be called once, from any goroutine.
	Close func()
	// Versions is what the broker said that it takes.
	Versions Versions
	// Until is when the login ends, and the broker with it the connection. Zero: never.
	Until time.Time
	// Stale says why the connection is encrypted with what was there before: what is there now cannot be used. Nil: it is not.
	Stale error
}

// Range is the versions of one API that a broker takes.
type Range struct{ Min, Max int16 }

// Versions is what a broker takes, by API.
type Versions map[wire.APIKey]Range

// Newest is the newest version, of those from least to most, that the broker takes. False: it takes none of them.
func (v Versions) Newest(key wire.APIKey, least, most int16) (version int16, ok bool) {
	r, ok := v[key]
	version = min(r.Max, most)
	return version, ok && version >= max(r.Min, least)
}

// BrokerError says what went wrong with the broker at an address.
type BrokerError struct {
	// Doing is what was tried, "connect to" or "ask": the address follows it.
	Doing, Addr string
	Err         error
}

func (e *BrokerError) Error() string { return e.Doing + " " + e.Addr + ": " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *BrokerError) Unwrap() error { return e.Err }
