package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// outcome is what a scenario showed.
type outcome struct {
	Scenario scenario
	// Ways has the samples of each way, one for each round; the sample at i was taken in the same round on every way.
	Ways []wayOutcome
}

type wayOutcome struct {
	Name    string
	Samples []sample
}

// bench runs the scenarios that are asked for.
func bench(ctx context.Context, o options) error {
	o.rounds, o.measure = cmp.Or(o.rounds, 5), cmp.Or(o.measure, 2*time.Second)
	if o.quick {
		o.rounds, o.measure = min(o.rounds, 3), min(o.measure, 700*time.Millisecond)
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := writeCertificate(dir); err != nil {
		return err
	}
	r := report{Machine: thisMachine(), Rounds: o.rounds, Seconds: o.measure.Seconds()}
	var failed error
	for _, s := range scenarios() {
		if o.quick && !s.quick || !o.scenarios.matches(s.title()) {
			continue
		}
		s.Clusters = max(s.Clusters, 1)
		s.Job.Measure, s.Job.WarmUp = o.measure, o.measure/4
		out, err := measure(ctx, &s, o, dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // the others may tell something all the same
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.title(), err))
			continue
		}
		r.Outcomes = append(r.Outcomes, out)
		fmt.Println(r.section(&out, o.quick))
	}
	if o.out == "" {
		return failed
	}
	return errors.Join(failed, r.write(ctx, o.out))
}

// measure runs one scenario: all ways are started, and then take turns, in an order that is reversed every other round.
func measure(ctx context.Context, s *scenario, o options, dir string) (outcome, error) {
	progress("%s: starting", s.title())
	c, err := startClusters(ctx, s, dir)
	if err != nil {
		return outcome{}, err
	}
	defer c.close()
	out := outcome{Scenario: *s}
	started, err := out.start(ctx, c, o, dir)
	defer func() {
		for _, r := range started {
			r.close()
		}
	}()
	if err == nil {
		err = out.calibrate(ctx, started, c)
	}
	if err != nil {
		return outcome{}, err
	}
	order := make([]int, len(started))
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
			sample, err := out.round(ctx, started[i], c)
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
func (o *outcome) start(ctx context.Context, c *clusters, opts options, dir string) (started []*running, err error) {
	for _, w := range ways() {
		if w.name != directWay && !opts.ways.matches(w.name) {
			continue
		}
		r, err := w.start(ctx, c, dir)
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
func (o *outcome) calibrate(ctx context.Context, started []*running, c *clusters) error {
	if o.Scenario.RateShare == 0 {
		return nil
	}
	slowest := 0.0
	for i, r := range started {
		for n := range 2 {
			progress("%s: what %s can take", o.Scenario.Name, o.Ways[i].Name)
			s, err := o.round(ctx, r, c)
			if err != nil {
				return fmt.Errorf("%s: %w", o.Ways[i].Name, err)
			}
			if rate := float64(s.Batches) / s.Seconds; n > 0 && (slowest == 0 || rate < slowest) { // the first is for warming up
				slowest = rate
			}
		}
	}
	o.Scenario.Job.Rate = slowest * o.Scenario.RateShare
	return nil
}

func (o *outcome) round(ctx context.Context, r *running, c *clusters) (sample, error) {
	job := o.Scenario.Job
	job.To, job.CA = r.to, r.ca
	return round(ctx, &job, r, c)
}

// errLeftOut is why a way is not measured in a scenario.
var errLeftOut = errors.New("left out")

// progress replaces the last line on a terminal.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	} else if format != "" {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
