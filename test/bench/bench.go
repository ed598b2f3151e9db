package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// outcome is what a scenario showed.
type outcome struct {
	Scenario scenario
	Took     float64  `json:",omitempty"` // seconds, with all that had to be started
	At       *setting `json:",omitempty"` // of an earlier run; nil: the report's
	// Ways has the samples of each way, one for each round; the sample at i was taken in the same round on every way.
	Ways []wayOutcome
}

type wayOutcome struct {
	Name    string
	Samples []sample
}

// samples are those of a way, and none if it was not measured.
func (o *outcome) samples(way string) []sample {
	for i := range o.Ways {
		if o.Ways[i].Name == way {
			return o.Ways[i].Samples
		}
	}
	return nil
}

// bench runs the scenarios that are asked for.
func bench(ctx context.Context, o options) error {
	if err := o.complete(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := writeCertificate(dir); err != nil {
		return err
	}
	r := report{setting: setting{
		Machine: thisMachine(), Commit: thisCommit(ctx), Before: nameOf(o.before), Rounds: o.rounds, Seconds: o.measure.Seconds(),
	}}
	failed := r.measure(ctx, &o, dir)
	if o.out == "" || ctx.Err() != nil {
		return failed
	}
	if err := r.keepEarlier(o.out); err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, r.write(ctx, o.out))
}

// complete fills in what the command line left out, and looks now for what would be missed after an hour.
func (o *options) complete(ctx context.Context) error {
	o.rounds, o.measure = cmp.Or(o.rounds, 9), cmp.Or(o.measure, 1200*time.Millisecond)
	if o.quick {
		o.rounds, o.measure = min(o.rounds, 3), min(o.measure, 700*time.Millisecond)
	}
	if o.before != "" {
		if _, err := inFolder(o.before); err != nil {
			return fmt.Errorf("-before: %w", err)
		}
	}
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	_, err := stack.Plotter(ctx)
	return err
}

// measure runs the scenarios and prints what each showed.
func (r *report) measure(ctx context.Context, o *options, dir string) (failed error) {
	for _, s := range scenarios() {
		if o.quick && !s.quick || !o.scenarios.matches(s.title()) {
			continue
		}
		s.prepare(o.measure)
		begin := time.Now()
		out, err := measure(ctx, &s, o, dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errLeftOut) {
			progress("without %s: %v", s.title(), err)
			continue
		}
		if err != nil { // the others may tell something all the same
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.title(), err))
			continue
		}
		out.Took = time.Since(begin).Seconds()
		r.Outcomes = append(r.Outcomes, out)
		fmt.Println(r.section(&out, o.quick))
	}
	return failed
}

// prepare fills in what depends on the run and on the machine.
func (s *scenario) prepare(measure time.Duration) {
	s.Clusters = max(s.Clusters, 1)
	s.Job.Measure, s.Job.WarmUp = measure*time.Duration(max(s.Times, 1)), measure/4
	if s.Job.Client == load.Idle {
		s.Job.Clients, s.Few = manyIdle(), fewIdle
	}
}

// arena is where a scenario takes place.
type arena struct {
	clusters    *clusters
	started     []*running // the ways
	clientCores cores
}

// open starts the clusters and ways of a scenario. With an error, too, the arena has to be closed.
func (o *outcome) open(ctx context.Context, opts *options, dir string) (*arena, error) {
	a := &arena{clusters: &clusters{}}
	var brokerCores cores
	workers := 2
	if o.Scenario.Idle && o.Scenario.Job.Clients < 2*o.Scenario.Few {
		return a, fmt.Errorf("%w: the limit of descriptors is too low", errLeftOut)
	}
	if o.Scenario.Apart {
		var err error
		if a.clientCores, brokerCores, err = halves(); err != nil {
			return a, err
		}
		workers = min(workers, len(a.clientCores))
	}
	err := brokerCores.run(func() error { return a.clusters.start(ctx, &o.Scenario, dir) })
	if err != nil {
		return a, err
	}
	s := &site{
		clusters: a.clusters, dir: dir, before: opts.before, workers: workers, profiles: o.Scenario.Idle, sessions: o.Scenario.Job.Sessions,
	}
	if o.Scenario.Guarded {
		if s.users, err = writeUsers(ctx, dir); err != nil {
			return a, err
		}
	}
	return a, a.clientCores.run(func() (err error) {
		a.started, err = o.start(ctx, s, opts)
		return err
	})
}

func (a *arena) close() {
	for _, r := range a.started {
		r.close()
	}
	a.clusters.close()
}

// measure runs one scenario: all ways are started, and then take turns, in an order that is reversed every other round.
func measure(ctx context.Context, s *scenario, o *options, dir string) (outcome, error) {
	progress("%s: starting", s.title())
	out := outcome{Scenario: *s}
	a, err := out.open(ctx, o, dir)
	defer a.close()
	if err == nil {
		err = out.calibrate(ctx, a)
	}
	if err != nil {
		return outcome{}, err
	}
	order := make([]int, len(a.started))
	for i := range order {
		order[i] = i
	}
	first := 0
	if s.Idle {
		first = o.rounds // once is enough, and only the first time shows what connections cost
	}
	for n := first; n <= o.rounds; n++ {
		for _, i := range order {
			progress("%s: round %d of %d, %s", s.title(), n, o.rounds, out.Ways[i].Name)
			sample, err := out.round(ctx, a, i)
			if err != nil {
				return outcome{}, fmt.Errorf("%s: %w", out.Ways[i].Name, err)
			}
			if n > 0 { // the first round is for warming up
				out.Ways[i].Samples = append(out.Ways[i].Samples, sample)
			}
		}
		slices.Reverse(order)
	}
	progress("")
	return out, nil
}

// start starts the ways that are asked for and there are. It returns those that it has started, even with an error.
func (o *outcome) start(ctx context.Context, s *site, opts *options) (started []*running, err error) {
	for _, w := range ways() {
		if !opts.wanted(&w) {
			continue
		}
		r, err := w.start(ctx, s)
		var missing *stack.MissingError
		if errors.As(err, &missing) || errors.Is(err, errLeftOut) {
			progress("without %s: %v", w.name, err)
			continue
		}
		if err != nil {
			return started, fmt.Errorf("%s: %w", w.name, err)
		}
		started = append(started, r)
		o.Ways = append(o.Ways, wayOutcome{Name: w.name})
	}
	return started, nil
}

// calibrate finds the rate of a scenario whose rate is a share of what the slowest way can take.
func (o *outcome) calibrate(ctx context.Context, a *arena) error {
	if o.Scenario.RateShare == 0 {
		return nil
	}
	slowest := 0.0
	for i, w := range o.Ways {
		for n := range 2 {
			progress("%s: what %s can take", o.Scenario.Name, w.Name)
			s, err := o.round(ctx, a, i)
			if err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			if rate := float64(s.Batches) / s.Seconds; n > 0 && (slowest == 0 || rate < slowest) { // the first is for warming up
				slowest = rate
			}
		}
	}
	o.Scenario.Job.Rate = slowest * o.Scenario.RateShare
	return nil
}

// round measures one way.
func (o *outcome) round(ctx context.Context, a *arena, way int) (got sample, err error) {
	err = a.clientCores.run(func() error {
		if o.Scenario.Idle {
			got, err = o.Scenario.idle(ctx, a.started[way], a.clusters)
		} else {
			got, err = o.Scenario.round(ctx, a.started[way], a.clusters)
		}
		return err
	})
	return got, err
}

// errLeftOut is why a way is not measured in a scenario, or a scenario not at all.
var errLeftOut = errors.New("left out")

// progress replaces the last line on a terminal.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	} else if format != "" {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
