package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

const (
	// metadataVersion is the newest Metadata that is asked; topic ids from 10 on.
	metadataVersion = 12
	// minTry is the least time that a broker is given to answer.
	minTry = time.Second
	// lastWords is how long somebody who dials may take to say why it was in vain.
	lastWords = time.Second
)

var (
	errSetup    = errors.New("the broker does not answer in time")
	errReplaced = errors.New("made from what has been replaced since, or at its end")
	errClosed   = errors.New("closed")
	errNobody   = errors.New("there is no address to connect to")
)

// guide is the broker that is asked, and the link to it.
type guide struct {
	link     *link.Link
	addr     string
	renewals int // of the map when it was made
	// stopWatching has the end of the map not close the link any more.
	stopWatching func() bool

	over  func(*guide) // has to be called when the link has ended
	ready chan struct{}
	ended chan struct{}
	err   error // why it ended
}

var _ link.Owner = (*guide)(nil)

// Ready implements link.Owner.
func (g *guide) Ready(*link.Link) {
	if !g.served() {
		close(g.ready)
	}
}

// Answering implements link.Owner.
func (g *guide) Answering() {}

// Answered implements link.Owner.
func (g *guide) Answered() {}

// Ended implements link.Owner.
func (g *guide) Ended(err error) {
	defer g.over(g)
	g.err = err
	close(g.ended)
}

// served reports whether the link has been ready.
func (g *guide) served() bool {
	select {
	case <-g.ready:
		return true
	default:
		return false
	}
}

// request asks the guide about topics, or the first other broker that answers: those that the cluster last named, then the bootstrap
// servers.
func (m *Map) request(ctx context.Context, topics []string, create bool) (said, error) {
	a := &m.asker
	var failures []error
	var former error // what is wrong with the guide that there was; it is among those that are tried
	if a.guide != nil && m.outdated(a.guide) {
		m.drop(errReplaced)
	}
	if a.guide != nil {
		answer, err := m.askGuide(ctx, topics, create)
		if err == nil {
			return answer, nil
		}
		former = err
	}
	candidates := m.candidates(ctx)
	for i, addr := range candidates {
		if ctx.Err() != nil {
			failures = append(failures, cmp.Or(former, fmt.Errorf("no time is left for %d others: %w", len(candidates)-i, context.Cause(ctx))))
			break
		}
		err := m.follow(ctx, addr, len(candidates)-i)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		answer, err := m.askGuide(ctx, topics, create)
		if err == nil {
			return answer, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 { // nobody was tried
		failures = append(failures, cmp.Or(former, context.Cause(ctx), errNobody))
	}
	return said{}, fmt.Errorf("no broker of cluster %s answers: %w", m.settings.Cluster, errors.Join(failures...))
}

// outdated says that the guide's link has to be made anew.
func (m *Map) outdated(g *guide) bool {
	until := g.link.Until()
	m.mu.Lock()
	defer m.mu.Unlock()
	return g.renewals != m.renewals || !until.IsZero() && time.Now().After(until)
}

// candidates lists every address worth trying, each once.
func (m *Map) candidates(ctx context.Context) []string {
	var servers []string
	found := make(chan struct{})
	m.spawn("bootstrap", func() {
		defer close(found)
		servers = m.settings.Bootstrap(ctx)
	})
	all := slices.Clone(m.asker.known)
	if m.await(ctx, found) != nil {
		return all
	}
	for _, addr := range servers {
		if !slices.Contains(all, addr) {
			all = append(all, addr)
		}
	}
	return all
}

// follow makes the broker at addr the guide. It leaves time for so many others: one that swallows packets must not hide that the next
// one answers.
func (m *Map) follow(ctx context.Context, addr string, left int) error {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		limit := max(time.Until(deadline)/time.Duration(left), minTry)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errSetup)
		defer cancel()
	}
	g := &guide{addr: addr, over: m.guideEnded, ready: make(chan struct{}), ended: make(chan struct{})}
	m.mu.Lock()
	g.renewals = m.renewals
	m.mu.Unlock()
	m.work.Add(1)
	g.link = link.Start(ctx, m.settings.Link, m.dialer, addr, g)
	g.stopWatching = context.AfterFunc(m.life, func() { m.panics.Guard("hang up", func() { g.link.Close(errClosed) }) })
	m.asker.guide = g
	if err := m.awaitEither(ctx, g.ready, g.ended); err != nil && !g.endsWithin(lastWords) {
		m.drop(err)
		return &link.BrokerError{Doing: "connect to", Addr: addr, Err: err}
	}
	select {
	case <-g.ended:
		m.drop(g.err)
		return addressed(addr, g.err)
	default:
		return nil
	}
}

// addressed is an error of a broker's that says which, as a dialer's may already.
func addressed(addr string, err error) error {
	if _, ok := errors.AsType[*link.BrokerError](err); ok {
		return err
	}
	return &link.BrokerError{Doing: "connect to", Addr: addr, Err: err}
}

// endsWithin waits for the end of the link.
func (g *guide) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-g.ended:
		return true
	case <-timer.C:
		return false
	}
}

// guideEnded is called when the link to a guide, present or former, has ended.
func (m *Map) guideEnded(g *guide) {
	defer m.work.Done()
	if m.settings.Ended != nil && g.served() {
		m.settings.Ended()
	}
}

// drop lets go of the guide.
func (m *Map) drop(why error) {
	m.asker.guide.stopWatching()
	m.asker.guide.link.Close(why)
	m.asker.guide = nil
}

// askGuide asks the guide, and lets go of it when it fails.
func (m *Map) askGuide(ctx context.Context, topics []string, create bool) (said, error) {
	g := m.asker.guide
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = create
	if topics != nil { // nil is for all of them
		request.Topics = make([]kmsg.MetadataRequestTopic, len(topics))
	}
	for i := range topics {
		request.Topics[i].Topic = &topics[i]
	}
	var response kmsg.Response
	var err error
	begun := time.Now()
	done := make(chan struct{})
	failed := g.link.Send(&link.Request{
		Body: request, Most: metadataVersion,
		Done: func(r kmsg.Response, e error) {
			response, err = r, e
			close(done)
		},
	})
	if failed == nil {
		failed = m.await(ctx, done)
	}
	if failed == nil {
		failed = err
	}
	if failed != nil {
		m.drop(failed)
		return said{}, &link.BrokerError{Doing: "ask", Addr: g.addr, Err: failed}
	}
	answer := read(response.(*kmsg.MetadataResponse)) //nolint:forcetypeassert // as the request is
	answer.took = time.Since(begun)
	m.asker.known = answer.addresses
	m.settings.Refreshed()
	return answer, nil
}

// await waits for something, and loses patience meanwhile when it is time.
func (m *Map) await(ctx context.Context, ready <-chan struct{}) error {
	return m.awaitEither(ctx, ready, nil)
}

// awaitEither is await for one of two.
func (m *Map) awaitEither(ctx context.Context, ready, other <-chan struct{}) error {
	for {
		select {
		case <-ready:
			return nil
		case <-other:
			return nil
		case <-m.asker.impatience:
			m.losePatience()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
