package health

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
)

const (
	// askInterval is how often a cluster is asked, and soonInterval how often while a broker of it is lost.
	askInterval, soonInterval = 10 * time.Second, 3 * time.Second
	// hurryInterval is how soon after the last question the next one may come, whatever happens.
	hurryInterval = 2 * time.Second
	// tickInterval is how often what changes with time is brought up to date.
	tickInterval = time.Second
	// renewInterval is how often the connection is made anew, so that logins and certificates are tried that are only looked at then.
	renewInterval = 10 * time.Minute
	// answerTimeout bounds one answer.
	answerTimeout = 4 * time.Second
	// firstRound bounds the first try to reach a cluster, so that what is wrong is seen soon; laterRound one of a cluster that was there.
	// They double with each failure, up to maxRound.
	firstRound, laterRound, maxRound = 3 * time.Second, 12 * time.Second, 30 * time.Second
	// The pause after a failure doubles up to maxPause; up to maxLoginPause if it was a login that failed: too many lock an account.
	minPause, maxPause, maxLoginPause = time.Second, 5 * time.Second, time.Minute
)

// monitor asks one cluster for its brokers, again and again.
type monitor struct {
	cluster  *Cluster
	client   upstream.Client
	topology *topology.Map
	hurries  chan struct{} // holds one

	life context.Context //nolint:containedctx // of all it does; ended by stop
	end  context.CancelFunc
	work sync.WaitGroup
}

var _ topology.Owner = (*monitor)(nil)

// Watch has the cluster watched through c until Rest. Watched already, it goes on.
func (c *Cluster) Watch(inner upstream.Client) {
	m := &monitor{cluster: c, client: &client{Client: inner, cluster: c, monitor: true}, hurries: make(chan struct{}, 1)}
	m.life, m.end = context.WithCancel(context.Background())
	s := &c.settings
	m.topology = topology.New(topology.Settings{
		Cluster: s.Name, Link: link.Settings{ClientID: s.ClientID, AnswerTimeout: answerTimeout, LateTimeout: answerTimeout, Panics: c.panics},
		Bootstrap: s.Addresses, MaxAge: time.Hour, Refreshed: func() {}, Ended: m.hurry, RoundTimeout: m.roundTimeout, Pause: pause,
	}, m.client)
	m.topology.Start(m)
	c.locked(func() {
		if c.monitor != nil {
			m.end()
			return
		}
		c.monitor = m
		if c.state == Unknown {
			c.since = time.Now()
		}
		m.spawn("monitor", func() { m.keep("monitor", m.run) })
		m.spawn("watch", func() { m.keep("watch", func() { m.client.Watch(m.life, m.renew) }) })
	})
}

// Rest ends the watching, and waits for its end. What was known last stays.
func (c *Cluster) Rest() {
	var m *monitor
	c.locked(func() {
		m, c.monitor = c.monitor, nil
		c.dropLosses()
	})
	if m != nil {
		m.end()
		m.topology.Close()
		m.work.Wait()
	}
}

// Close is Rest for ever: nothing is known any more.
func (c *Cluster) Close() {
	c.Rest()
	c.locked(func() {
		c.state, c.since = Unknown, time.Now()
		c.later(func() { c.stats.Reachable.Set(0) })
	})
	c.stats.MetadataAge.Set(0)
	c.stats.CertificateExpiry.Set(0)
}

// Learned implements topology.Owner.
func (m *monitor) Learned(n *topology.News) {
	if m.life.Err() != nil {
		return
	}
	c, now := m.cluster, time.Now()
	c.locked(func() {
		if c.monitor != m {
			return
		}
		if n.Err != nil {
			c.becomeUnreachable(now, n.Err)
			return
		}
		c.becomeReachable(now, n)
		c.warnOfMesh()
		c.seekAll(now)
	})
}

// Impatient implements topology.Owner: what takes long may still come.
func (m *monitor) Impatient() {}

// InUse implements topology.Owner: no topic is.
func (m *monitor) InUse(time.Time, time.Duration) []string { return nil }

// spawn runs f on a goroutine that Rest waits for.
func (m *monitor) spawn(name string, f func()) {
	m.work.Go(func() { m.cluster.panics.Guard(name, f) })
}

// keep calls f, and again after a panic.
func (m *monitor) keep(name string, f func()) {
	for m.cluster.panics.Attempt(name, func() error { f(); return nil }) != nil {
		select {
		case <-m.life.Done():
			return
		case <-time.After(maxPause):
		}
	}
}

// run has the cluster asked when it is time.
func (m *monitor) run() {
	m.cluster.loadCertificate()
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	var asked time.Time
	renewed, hurried := time.Now(), false
	for {
		now := time.Now()
		m.cluster.tick(now)
		if now.Sub(renewed) >= renewInterval {
			renewed = now
			m.topology.Renew()
			m.cluster.loadCertificate()
		}
		if past := now.Sub(asked); past >= m.cluster.interval() || hurried && past >= hurryInterval {
			asked, hurried = now, false
			m.topology.Look()
		}
		select {
		case <-m.life.Done():
			return
		case <-ticker.C:
		case <-m.hurries:
			hurried = true
		}
	}
}

// interval is how often the cluster is to be asked. While it does not answer, that is done anyway, after pauses.
func (c *Cluster) interval() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Unreachable {
		return maxLoginPause
	}
	for node := range c.losses {
		if _, named := c.brokers[node]; named {
			return soonInterval
		}
	}
	return askInterval
}

// hurry has the cluster asked soon.
func (m *monitor) hurry() {
	select {
	case m.hurries <- struct{}{}:
	default: // it is in a hurry already
	}
}

// renew has the connection made from what is there now.
func (m *monitor) renew() {
	m.cluster.log.Info("certificates or passwords have been replaced; connecting anew")
	m.cluster.loadCertificate()
	m.topology.Renew()
	m.hurry()
}

// roundTimeout is how long one round of asking may take.
func (m *monitor) roundTimeout(failed int) time.Duration {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	limit := firstRound
	if !m.cluster.answered.IsZero() {
		limit = laterRound
	}
	for ; failed > 0 && limit < maxRound; failed-- {
		limit *= 2
	}
	return min(limit, maxRound)
}

// pause is how long after so many failures in a row the cluster is asked again. Many logins that a broker has refused lock an account; what
// we have not got together has asked for none.
func pause(failed int, err error) time.Duration {
	most := maxPause
	_, login := errors.AsType[*dial.LoginError](err)
	if _, ours := errors.AsType[*dial.Problem](err); login && !ours {
		most = maxLoginPause
	}
	wait := minPause
	for ; failed > 1 && wait < most; failed-- {
		wait *= 2
	}
	return min(wait, most)
}
