package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const patience = 2 * time.Minute // for the load to go on when a fault is over

// trial is one fault and the load that it meets.
type trial struct {
	*world

	fault  fault
	length time.Duration // of a mix
	began  time.Time
	topics []topic

	mu       sync.Mutex // in a mix there are two faults at once
	rand     *rand.Rand
	accounts []*account
	schedule []string // what was done, in words

	groups   []*group
	watchers []*watcher
}

// topic is one that a trial writes to.
type topic struct {
	cluster, name string
	remade        bool // it was deleted and made again: what was told before need not be there
}

// trials counts all trials, so that no name comes twice.
var trials int

// run makes a load, has the fault happen to it and checks what is stored.
func (w *world) run(ctx context.Context, f fault, seed uint64, length time.Duration) *result {
	trials++
	t := &trial{world: w, fault: f, length: length, rand: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	r := &result{fault: f.name, seed: seed, uneven: f.name == mixed}
	err := t.load(ctx)
	if err == nil {
		err = t.undergo(ctx)
	}
	err = errors.Join(err, t.finish(ctx))
	if err = errors.Join(err, t.check(ctx, r)); err != nil {
		r.wrong = append(r.wrong, err.Error())
	}
	if err := t.tidy(ctx); err != nil {
		r.wrong = append(r.wrong, err.Error())
	}
	r.schedule, r.took = t.schedule, time.Since(t.began)
	return r
}

// load makes the topics and the producers, and waits until all are under way.
func (t *trial) load(ctx context.Context) error {
	name := strings.ReplaceAll(t.fault.name, " ", "-")
	for _, prefix := range []string{"c1", "c2", "d1"} {
		tp := topic{cluster: prefix, name: fmt.Sprintf("%s-%s-%d", prefix, name, trials)}
		if prefix == "d1" {
			tp.cluster = "c1"
		}
		made := stack.TopicOptions{Partitions: partitions, Replicas: int16(len(t.brokers(tp.cluster).Nodes))}
		if err := t.admin[tp.cluster].CreateTopics(ctx, made, tp.name); err != nil {
			return err
		}
		t.topics = append(t.topics, tp)
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	for _, s := range kinds() {
		t.producer(s, t.topics[0])
		if s.second {
			t.producer(s, t.topics[1])
		}
		t.producer(s, t.topics[2])
	}
	for _, a := range t.all() {
		if err := t.start(ctx, a); err != nil {
			return err
		}
	}
	for _, a := range t.all() {
		if err := t.clients[a.library].begin(a); err != nil {
			return err
		}
	}
	return errors.Join(t.progress(ctx, 10*partitions), t.readOn(ctx, 10*partitions))
}

// kind is a kind of producer that each load has.
type kind struct {
	spec

	second bool // there is one at the second cluster too
	wide   bool // it writes to the partitions that were added too
}

func kinds() []kind {
	return []kind{
		{spec: spec{name: "java", library: "java", acks: "all", idempotent: true}, second: true},
		{spec: spec{name: "librdkafka-idempotent", library: "confluent-kafka", acks: "all", idempotent: true}},
		{spec: spec{name: "librdkafka", library: "confluent-kafka", acks: "all"}, second: true},
		{spec: spec{name: "kafka-python", library: "kafka-python", acks: "all", idempotent: true}},
		{spec: spec{name: "franz-go", library: "franz-go", acks: "all", idempotent: true}, second: true},
		{spec: spec{name: "franz-go-acks-1", library: "franz-go", acks: "1"}},
		{spec: spec{name: "franz-go-acks-0", library: "franz-go", acks: "0"}},
	}
}

// tidy deletes the topics, so that a run of hours does not fill the disk.
func (t *trial) tidy(ctx context.Context) error {
	var errs []error
	for _, tp := range t.topics {
		errs = append(errs, t.admin[tp.cluster].DeleteTopic(ctx, tp.name))
	}
	for _, c := range t.clients {
		if p, ok := c.(*program); ok {
			p.forget()
		}
	}
	return errors.Join(errs...)
}

// producer adds a producer that writes to a topic.
func (t *trial) producer(k kind, to topic) *account {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := k.spec
	s.kind = s.name
	s.name = fmt.Sprintf("%s-%s-%d-%d", s.name, to.name[:2], trials, len(t.accounts))
	s.cluster, s.topic, s.partitions, s.direct = to.cluster, to.name, partitions, to.name[0] == 'd'
	if k.wide {
		s.partitions *= 2
	}
	a := newAccount(s)
	t.accounts = append(t.accounts, a)
	return a
}

func (t *trial) start(ctx context.Context, a *account) error {
	bootstrap := t.front.addr()
	if a.direct {
		bootstrap = t.bootstrap(a.cluster)
	}
	if err := t.clients[a.library].start(a, bootstrap); err != nil {
		return err
	}
	a.mu.Lock()
	a.started = true
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return wait(ctx, a, a.ready, "ready")
}

// young makes producers that know the topics and have written nothing yet. What it returns has them begin, with many records at once.
func (t *trial) young(ctx context.Context) (begin func() error) {
	var errs []error
	fresh := make([]*account, 0, 4)
	for _, k := range kinds()[:2] {
		k.name, k.count = "young-"+k.name, 60
		for _, to := range []topic{t.topics[0], t.topics[2]} {
			fresh = append(fresh, t.producer(k, to))
		}
	}
	for _, a := range fresh {
		errs = append(errs, t.start(ctx, a))
	}
	return func() error {
		for _, a := range fresh {
			errs = append(errs, t.clients[a.library].begin(a))
		}
		t.note("young producers begin")
		return errors.Join(errs...)
	}
}

// undergo has the fault happen, and waits until the load has got over it.
func (t *trial) undergo(ctx context.Context) error {
	t.measure(true)
	defer t.measure(false)
	if err := t.fault.happen(ctx, t); err != nil {
		return fmt.Errorf("the fault itself: %w", err)
	}
	t.note("over")
	return errors.Join(t.progress(ctx, 10*partitions), t.readOn(ctx, 10*partitions))
}

// finish stops all producers and waits until they have ended.
func (t *trial) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 150*time.Second)
	defer cancel()
	var errs []error
	accounts := slices.DeleteFunc(t.all(), func(a *account) bool { return !a.started })
	for _, a := range accounts {
		errs = append(errs, t.clients[a.library].stop(a))
	}
	for _, a := range accounts {
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if err := wait(ctx, a, a.ended, "at its end"); err != nil {
			errs = append(errs, err)
		}
	}
	for name, c := range t.clients {
		if p, ok := c.(*program); ok {
			if said := p.complaints(); len(said) > 0 {
				errs = append(errs, fmt.Errorf("%s says: %s", name, strings.Join(said[:min(3, len(said))], "; ")))
			}
		}
	}
	return errors.Join(errs...)
}

// progress waits until each producer that goes on has been acknowledged so many records more. Where one that is direct is not, those
// of its kind need not be: franz-go, for one, never writes to a topic again that was made again.
func (t *trial) progress(ctx context.Context, more int) error {
	before := map[*account]int{}
	for _, a := range t.all() {
		if a.count == 0 {
			_, before[a], _ = a.counts()
		}
	}
	late := map[*account]bool{}
	look := time.Now()
	ok := t.until(ctx, patience, func() bool {
		if time.Since(look) > soon {
			look = time.Now()
			t.note("%d producers stand still; Envoy counts %s", len(late), t.hosts.counts(ctx))
		}
		clear(late)
		for a, from := range before {
			if _, acked, _ := a.counts(); acked < from+more && !a.stuck() {
				late[a] = true
			}
		}
		return len(late) == 0
	})
	if ok {
		return nil
	}
	excused := map[string]bool{}
	for a := range late {
		excused[a.kind] = excused[a.kind] || a.direct
	}
	var said []string
	for a := range late {
		sent, acked, failed := a.counts()
		line := fmt.Sprintf("%s (%d sent, %d acknowledged, %d failed)", a.name, sent, acked, failed)
		t.note("stands still: %s", line)
		if !excused[a.kind] {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return nil
	}
	slices.Sort(said)
	return fmt.Errorf("not acknowledged %d more in %s: %s", more, patience, strings.Join(said, ", "))
}

// acknowledged waits until the producers through the mesh that are answered, or some of them, have been acknowledged so many more
// in all, or no longer than limit.
func (t *trial) acknowledged(ctx context.Context, more int, limit time.Duration, of func(*account) bool) bool {
	total := func() (n int) {
		for _, a := range t.all() {
			if !a.direct && a.acks != "0" && (of == nil || of(a)) {
				_, acked, _ := a.counts()
				n += acked
			}
		}
		return n
	}
	from := total()
	return t.until(ctx, limit, func() bool { return total() >= from+more })
}

// sent waits until the producers have sent so many more in all, whatever becomes of them, or no longer than limit.
func (t *trial) sent(ctx context.Context, more int, limit time.Duration) {
	total := func() (n int) {
		for _, a := range t.all() {
			sent, _, _ := a.counts()
			n += sent
		}
		return n
	}
	from := total()
	t.until(ctx, limit, func() bool { return total() >= from+more })
}

func (t *trial) until(ctx context.Context, limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// all are the producers that there are by now.
func (t *trial) all() []*account {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.accounts)
}

func (t *trial) intN(n int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rand.IntN(n)
}

// note says in the schedule what is being done.
func (t *trial) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.schedule = append(t.schedule, fmt.Sprintf("%.1fs ", time.Since(t.began).Seconds())+fmt.Sprintf(format, args...))
}

// check reads the topics and compares, when the groups have read them too.
func (t *trial) check(ctx context.Context, r *result) error {
	var writers []ledger.Writer
	var logs []ledger.Log
	for _, a := range t.all() {
		writers = append(writers, a.writers()...)
	}
	for _, tp := range t.topics {
		l, err := readLogs(ctx, t.brokers(tp.cluster), tp.cluster, tp.name)
		if err != nil {
			return errors.Join(err, t.dismiss(ctx))
		}
		logs = append(logs, l...)
	}
	report := ledger.Check(writers, logs)
	for _, a := range t.all() {
		r.add(t, a, report)
	}
	t.readOut(ctx, logs)
	return errors.Join(t.dismiss(ctx), t.judge(ctx, r, logs))
}
