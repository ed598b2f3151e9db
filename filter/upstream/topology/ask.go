package topology

import (
	"context"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// maxNames is how many topics are asked for in one request of several clients, so that it fits into what a broker takes.
	maxNames = 10_000
	// roundTimeout is what Settings.RoundTimeout is if it is not set.
	roundTimeout = 30 * time.Second
	// patience is how long somebody waits for the answer to a round before memory has to do.
	patience = 2 * time.Second
)

// agenda is what is to be asked, guarded by the map's mutex.
type agenda struct {
	running bool
	asks    []ask           // of clients, for the next round
	current []ask           // of the round that is on its way
	stale   map[string]bool // topics to ask for again
	asking  map[string]bool // those that the round on its way asks for
	// failing is set while the cluster does not answer: nobody waits for it then. wanted is a topic that somebody asked for
	// meanwhile, the last one: it is asked for to see whether the cluster answers again.
	failing bool
	wanted  string
}

// ask is one call of Topics that memory could not answer.
type ask struct {
	names  []string // nil: all topics
	create bool
	done   func([]wire.Topic)
}

// asker is what the goroutine that asks has for itself.
type asker struct {
	guide   *guide   // who answers; nil: nobody yet, or no more
	known   []string // addresses of the brokers that the last answer named
	backoff time.Duration
	failed  int // rounds in a row
	// impatience ends the patience of who waits for the current round.
	impatience <-chan time.Time
}

// Ask has topics asked for again: stale ones; doubted ones, of which what is known is wrong; and, while the cluster cannot be asked, one
// that is only wanted. The owner is told what came of stale and doubted ones, before or after Ask returns.
func (m *Map) Ask(stale, doubted []string, wanted string) {
	if over := m.noteAll(stale, doubted, wanted); over != nil {
		m.owner.Learned(&News{Asked: append(stale, doubted...), Err: over})
	}
}

// noteAll has what is said to Ask be asked for; it returns why it is not.
func (m *Map) noteAll(stale, doubted []string, wanted string) (over error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range stale {
		m.note(name)
	}
	for _, name := range doubted {
		if t := m.topics[name]; t != nil {
			t.doubted = true
		}
		m.note(name)
	}
	if m.failing && wanted != "" {
		m.wanted = wanted
	}
	return m.life.Err()
}

// Look has the cluster asked for its brokers, of which the owner is told. While it does not answer it is asked at once, and not only when
// the pause is over.
func (m *Map) Look() {
	if m.askBrokers(func([]wire.Topic) {}) {
		return
	}
	select {
	case m.hurry <- struct{}{}:
	default: // it hurries already
	}
}

// note takes down that a topic is to be asked for again. m.mu is held.
func (m *Map) note(name string) {
	if m.stale == nil {
		m.stale = map[string]bool{}
	}
	m.stale[name] = true
	m.run()
}

// run starts the asking goroutine unless it runs. m.mu is held.
func (m *Map) run() {
	if !m.running && m.life.Err() == nil {
		m.running = true
		m.spawn("metadata", m.askUntilDone)
	}
}

// askUntilDone asks until there is nothing more to ask. After a panic, who waits is answered from memory, and it goes on.
func (m *Map) askUntilDone() {
	for m.panics.Attempt("metadata", m.askInTurn) != nil {
		m.panics.Guard("metadata", m.losePatience)
		m.noteAgain()
		m.pause(m.settings.BackoffMax) // not if closing
	}
}

// noteAgain has the next round ask for what the last one was to ask for.
func (m *Map) noteAgain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.asking {
		m.note(name)
	}
	m.asking = nil
}

func (m *Map) askInTurn() error {
	for {
		asks, stale, over := m.next()
		if over {
			return nil
		}
		if err := m.round(asks, stale); err != nil {
			m.pauseUnless(m.asker.backOff(&m.settings, err), m.hurry) // not if closing: what is left is then answered from memory
		} else {
			m.asker.backoff, m.asker.failed = 0, 0
		}
	}
}

// backOff counts a failure, and says how long the pause after it is.
func (a *asker) backOff(s *Settings, err error) time.Duration {
	a.failed++
	if s.Pause != nil {
		return s.Pause(a.failed, err)
	}
	a.backoff = min(max(2*a.backoff, s.Backoff), s.BackoffMax)
	return a.backoff
}

// next takes what is to be asked next. It reports that the asking is over when there is nothing, and the cluster answers or the map is
// closed.
func (m *Map) next() (asks []ask, stale map[string]bool, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	nothing := len(m.asks) == 0 && len(m.stale) == 0
	if nothing && (!m.failing || m.life.Err() != nil) {
		m.running = false
		return nil, nil, true
	}
	if nothing && m.wanted != "" {
		m.stale = map[string]bool{m.wanted: true}
	}
	names, n := 0, 0
	for n < len(m.asks) && (n == 0 || names+len(m.asks[n].names) <= maxNames) {
		names += len(m.asks[n].names)
		n++
	}
	asks, stale = m.asks[:n:n], m.stale
	m.asks, m.stale, m.current, m.asking = m.asks[n:], nil, asks, stale
	return asks, stale, false
}

// round asks the cluster, tells the owner, and answers asks. Topics whose creation is allowed are asked for apart from the others: the
// protocol has one flag for a whole request.
func (m *Map) round(asks []ask, stale map[string]bool) error {
	limit := roundTimeout
	if m.settings.RoundTimeout != nil {
		limit = m.settings.RoundTimeout(m.asker.failed)
	}
	ctx, cancel := context.WithTimeoutCause(m.life, limit, errSetup)
	defer cancel()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	m.asker.impatience = timer.C

	all, create, plain := sortAsks(asks, stale)
	news := News{Controller: -1, Asked: plain, Topics: map[string]wire.Topic{}}
	if len(create) > 0 {
		news.Asked = slices.Concat(create, plain)
	}
	var listed []wire.Topic
	request := func(names []string, mayCreate bool) []wire.Topic {
		said, err := m.request(ctx, names, mayCreate)
		if err != nil {
			news.Err = err
			m.complain(err)
			return nil
		}
		news.Brokers, news.Controller, news.Cluster, news.RoundTrip = said.brokers, said.controller, said.cluster, said.took
		for _, t := range said.topics {
			news.Topics[t.Name] = t
		}
		return said.topics
	}
	switch {
	case all:
		listed = request(nil, false)
	case len(news.Asked) == 0: // nothing is wanted but the brokers, or to know whether the cluster answers again
		request([]string{}, false)
	}
	if len(create) > 0 {
		request(create, true)
	}
	if len(plain) > 0 {
		request(plain, false)
	}
	m.learn(&news)
	m.owner.Learned(&news)
	m.answerAll(m.takeAsks(news.Err, stale), news.Topics, listed)
	return news.Err
}

// complain tells why the cluster could not be asked.
func (m *Map) complain(err error) {
	if m.settings.Complain != nil && m.life.Err() == nil {
		m.settings.Complain(err)
	}
}

// takeAsks returns the asks that the round just answered, or failed to: then also those that came since, and what else was to
// be asked for is kept for the next round.
func (m *Map) takeAsks(failure error, stale map[string]bool) []ask {
	m.mu.Lock()
	defer m.mu.Unlock()
	asks := m.current
	m.current, m.asking = nil, nil
	m.failing = failure != nil
	m.down.Store(m.failing)
	if !m.failing {
		m.wanted = ""
		return asks
	}
	asks = append(asks, m.asks...)
	m.asks = nil
	for name := range stale {
		if m.topics[name] != nil && m.life.Err() == nil {
			m.note(name)
		}
	}
	return asks
}

// losePatience stops waiting for a cluster that takes its time: clients are answered from memory. The request goes on.
func (m *Map) losePatience() {
	m.mu.Lock()
	m.failing = true
	asks := append(m.current, m.asks...)
	m.current, m.asks = nil, nil
	m.mu.Unlock()
	m.owner.Impatient()
	m.answerAll(asks, nil, nil)
}

// answerAll tells those who asked. A panic of one of them is not the others'.
func (m *Map) answerAll(asks []ask, got map[string]wire.Topic, listed []wire.Topic) {
	for _, a := range asks {
		m.panics.Guard("answer", func() { a.done(m.answer(a, got, listed)) })
	}
}

// answer picks what one ask wanted out of what the cluster said, memory standing in for what it did not say.
func (m *Map) answer(a ask, got map[string]wire.Topic, listed []wire.Topic) []wire.Topic {
	if listed != nil && a.names == nil {
		return listed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	topics := m.recall(a.names)
	for i, name := range a.names {
		if t, ok := got[name]; ok {
			topics[i] = t
		}
	}
	return topics
}

// sortAsks says whether all topics are wanted, and which by name, with and without creation.
func sortAsks(asks []ask, stale map[string]bool) (all bool, create, plain []string) {
	mayCreate := map[string]bool{}
	for name := range stale {
		mayCreate[name] = false
	}
	for _, a := range asks {
		all = all || a.names == nil
		for _, name := range a.names {
			mayCreate[name] = mayCreate[name] || a.create
		}
	}
	for name, c := range mayCreate {
		if c {
			create = append(create, name)
		} else {
			plain = append(plain, name)
		}
	}
	return all, create, plain
}

// refreshPeriodically has the topics in use asked for again, and forgets those that are no longer used.
func (m *Map) refreshPeriodically() {
	for m.pause(m.settings.RefreshInterval) {
		m.refreshAll()
	}
}

func (m *Map) refreshAll() {
	now := time.Now()
	used := m.owner.InUse(now, m.settings.MaxAge)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range used {
		m.note(name)
	}
	for name, t := range m.topics {
		switch {
		case m.stale[name]:
		case now.Sub(t.used) > m.settings.MaxAge:
			delete(m.topics, name)
		default:
			m.note(name)
		}
	}
}
