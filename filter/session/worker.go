package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
)

// Worker is what the sessions of one of the host's threads share: the facade, and the limits of what they may hold together.
type Worker struct {
	common   *Common
	server   Server
	cork     *cork.Cork
	budget   budget
	arrivals arrivals
	unread   unread
	turns    turns
	roster   roster
}

// NewWorker makes a worker whose sessions' requests are answered by server. What could be written meanwhile waits in cork while a
// host hands over what it has read.
func (c *Common) NewWorker(server Server, cork *cork.Cork) *Worker {
	w := &Worker{common: c, server: server, cork: cork}
	w.budget.init(c.Limits)
	w.arrivals.init(c.Limits)
	w.unread.init(c.Limits)
	w.turns.init(c)
	return w
}

// NewSession returns the session of a new client connection.
func (w *Worker) NewSession(p Peer, c Conn) *Session {
	s := &Session{common: w.common, worker: w, conn: c, peer: p}
	s.common.Stats.Connections.Add(1)
	s.common.Stats.ActiveConnections.Add(1)
	s.item.Flush = s.pumpForOthers
	s.input.init(s)
	s.inflight.init(s.common.Limits)
	if s.common.TellsHost {
		s.tally = new(tally)
	}
	s.watchIdleness()
	s.client.Host, s.client.Port = advertised(s.common.AdvertisedHost, s.common.AdvertisedPort, p)
	s.client.Address, s.client.Encrypted = p.Remote, p.Encrypted
	s.watchLogin()
	s.usage.begin(time.Now(), s.common.softwareOf(""))
	w.roster.add(s)
	s.sayOpened()
	return s
}

// Wait waits until no session waits for its turn.
func (w *Worker) Wait() { w.turns.wait() }
