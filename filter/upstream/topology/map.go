package topology

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Settings is what a map is told to be.
type Settings struct {
	// Cluster is the name of the cluster.
	Cluster string
	// Link is what the connection that is asked on is told to be. Its MaxAnswer is not used. AnswerTimeout zero: 10 seconds.
	Link link.Settings
	// Bootstrap lists where to ask when no broker is known, or none of them answers. It may wait.
	Bootstrap func(context.Context) []string
	// RefreshInterval is how often the topics in use are asked for again. Zero: never.
	RefreshInterval time.Duration
	// MaxAge is how long a topic that nobody has used is remembered.
	MaxAge time.Duration
	// Backoff is the pause after the cluster has not answered; it doubles up to BackoffMax.
	Backoff, BackoffMax time.Duration
	// Refreshed is called when the cluster has answered.
	Refreshed func()
	// Complain, if set, is told why the cluster could not be asked.
	Complain func(error)
	// Ended, if set, is called when a connection that was asked on has ended.
	Ended func()
	// RoundTimeout, if set, is how long one round of asking may take, over all brokers that are tried, after so many that failed in a
	// row. Else it is 30 seconds.
	RoundTimeout func(failed int) time.Duration
	// Pause, if set, is how long the pause is after so many failures in a row, the last of which is given. Else it is as Backoff and
	// BackoffMax say.
	Pause func(failed int, err error) time.Duration
}

// Owner is told what a map learns, with no lock held. Learned and Impatient come from one goroutine, until the map is closed; InUse from
// another.
type Owner interface {
	// Learned tells what came of asking. It does not keep n, but may keep what is in it, which nobody changes.
	Learned(n *News)
	// Impatient says that the cluster takes its time. It is still asked, and Learned will come.
	Impatient()
	// InUse names the topics that the owner has needed for the last maxAge; it may forget the others.
	InUse(now time.Time, maxAge time.Duration) []string
}

// News is what came of asking once.
type News struct {
	// Brokers are all of the cluster's, by node id, host:port. Nil: the cluster did not say.
	Brokers map[int32]string
	// Controller is the node id of the cluster's controller; -1: the cluster did not say.
	Controller int32
	// Cluster is what the cluster calls itself; empty: it did not say.
	Cluster string
	// RoundTrip is how long the last answer took, on a connection that was there.
	RoundTrip time.Duration
	// Asked are the topics that were asked for by name, and Topics what the cluster said of them.
	Asked  []string
	Topics map[string]wire.Topic
	// Err says that the cluster could not be asked, for all or for some.
	Err error
}

// Map is what is known of one cluster. Its methods may be called from any goroutine and, but for Close, never wait.
type Map struct {
	settings Settings
	dialer   link.Dialer
	panics   guard.Panics

	life context.Context //nolint:containedctx // of all asking; ended by Close
	end  context.CancelFunc
	work sync.WaitGroup // every goroutine and link

	owner Owner // set by Start
	asker asker // of the goroutine that asks

	mu         sync.Mutex
	draining   bool // clients are answered from memory
	topics     map[string]*topic
	unsettled  time.Time // until then no topic is answered for from memory
	brokers    map[int32]string
	controller int32 // node id of the controller; -1: not known
	renewals   int   // how often what connections are made from has been replaced
	agenda

	down atomic.Bool // the last round has failed

	hurry chan struct{} // ends the pause before the cluster is asked again; holds one
}

// topic is what is known of one topic.
type topic struct {
	meta wire.Topic // answered without an error
	// asked is when meta was answered, used when a client last needed it.
	asked, used time.Time
	// doubted is set when a broker's answer contradicts meta.
	doubted bool
}

const (
	// maxAnswer is the length of the longest answer that is read.
	maxAnswer = 100 << 20
	// answerTimeout is the default of Settings.Link.AnswerTimeout.
	answerTimeout = 10 * time.Second
)

// New returns a map of the cluster that d reaches. It knows and asks nothing before it is started.
func New(s Settings, d link.Dialer) *Map {
	s.Link.MaxAnswer, s.Link.AnswerTimeout = maxAnswer, cmp.Or(s.Link.AnswerTimeout, answerTimeout)
	m := &Map{
		settings: s, dialer: d, panics: s.Link.Panics,
		topics: map[string]*topic{}, brokers: map[int32]string{}, controller: -1, hurry: make(chan struct{}, 1),
	}
	m.life, m.end = context.WithCancel(context.Background())
	return m
}

// Start says who owns the map. It has to come before everything else.
func (m *Map) Start(o Owner) {
	m.owner = o
	if m.settings.RefreshInterval > 0 {
		m.keep("metadata refresh", func() error { m.refreshPeriodically(); return nil })
	}
}

// Renew has the connection that is asked on replaced by one made from what is there now.
func (m *Map) Renew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewals++
}

// Drain has clients answered from memory from now on. What the owner asks about is still asked.
func (m *Map) Drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draining = true
}

// Close stops asking, and answers everybody who waits.
func (m *Map) Close() {
	m.mu.Lock()
	m.end() // with the mutex, so that nobody begins to ask any more
	m.mu.Unlock()
	m.work.Wait()
}

// Down reports whether the cluster is known not to answer: no broker of it did when it was last asked. It is asked again and again until one
// does.
func (m *Map) Down() bool { return m.down.Load() }

// spawn runs f on a goroutine that Close waits for.
func (m *Map) spawn(name string, f func()) {
	m.work.Go(func() { m.panics.Guard(name, f) })
}

// keep is spawn for what has to go on: after a panic f is called again.
func (m *Map) keep(name string, f func() error) {
	m.spawn(name, func() {
		for again := true; again; {
			again = m.panics.Attempt(name, f) != nil && m.pause(m.settings.BackoffMax)
		}
	})
}

// pause waits and reports whether the map still lives.
func (m *Map) pause(d time.Duration) bool { return m.pauseUnless(d, nil) }

// pauseUnless is pause, but ends when hurry says so.
func (m *Map) pauseUnless(d time.Duration, hurry <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-hurry:
		return true
	case <-m.life.Done():
		return false
	}
}
