package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// usage is what a client has asked for and sent since it connected. The session's mutex guards it.
type usage struct {
	began    time.Time
	requests int64
	bytes    int64  // of their frames
	apis     uint64 // a bit for each API that was asked for, by its key
	software counted

	// Somebody looked at these times, the second a minute or more after the first.
	before, last look
}

// look is what had been sent at a time.
type look struct {
	at              time.Time
	requests, bytes int64
}

// lookInterval is the least between two looks that are told apart.
const lookInterval = time.Minute

// begin begins the account of a client that has just connected.
func (u *usage) begin(now time.Time, unnamed *stats.Client) {
	u.began = now
	u.before.at, u.last.at = now, now
	u.software.begin(unnamed)
}

// add counts one request.
func (u *usage) add(key wire.APIKey, size int) {
	u.requests++
	u.bytes += int64(size)
	u.apis |= bit(key)
	if key != wire.KeyApiVersions { // or it would have said by now
		u.software.settle(nil)
	}
}

func bit(key wire.APIKey) uint64 { return 1 << (uint64(key) % 64) }

// onlyVersions reports whether the client has asked for versions, and for nothing else.
func (u *usage) onlyVersions() bool { return u.apis == bit(wire.KeyApiVersions) }

// rates are how many requests and bytes came in a second, of late: see status.Client.
func (u *usage) rates(now time.Time) (requests, bytes float64) {
	if now.Sub(u.last.at) >= lookInterval {
		u.before, u.last = u.last, look{now, u.requests, u.bytes}
	}
	seconds := max(now.Sub(u.before.at), time.Second).Seconds()
	return float64(u.requests-u.before.requests) / seconds, float64(u.bytes-u.before.bytes) / seconds
}

// counted is which software's clients a client is counted among: those that do not say, until it does. The session's mutex guards it.
type counted struct {
	among   *stats.Client
	settled bool // it is known for good, and the connection counted
}

// begin counts a client that has just connected.
func (c *counted) begin(unnamed *stats.Client) {
	c.among = unnamed
	c.among.Active.Add(1)
}

// settle counts the client among those of its software, nil if it does not say. Only the first time counts.
func (c *counted) settle(among *stats.Client) {
	if c.settled {
		return
	}
	c.settled = true
	if among != nil {
		c.among.Active.Add(-1)
		c.among = among
		c.among.Active.Add(1)
	}
	c.among.Connections.Add(1)
}

// end counts the client no longer, whose connection is gone.
func (c *counted) end() {
	c.settle(nil)
	c.among.Active.Add(-1)
}
