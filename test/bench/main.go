// Command bench compares ways from producers to Kafka clusters: none, Envoy's TCP proxy, Kafka mesh in its hosts, and its peers.
// See docs/benchmarks/README.md. It is also each of the processes that it starts: the clients, the sinks and the relay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return serveClients(ctx)
		case "sink":
			return serveSink(args[1:])
		case "relay":
			return serveRelay(args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.render {
		return render(ctx, o.out)
	}
	if err := raiseDescriptors(); err != nil {
		return err
	}
	if inside, err := enterNamespace(ctx); !inside {
		return err
	}
	return bench(ctx, o)
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "a few scenarios, short, without peers, and ratios alone")
	flags.IntVar(&o.rounds, "rounds", 0, "measured rounds of each scenario (9; with -quick 3)")
	flags.DurationVar(&o.measure, "measure", 0, "how long a round is measured (1.2s; with -quick 700ms)")
	flags.Var(&o.scenarios, "scenarios", "only those whose `NAME → SINK` this regular expression matches")
	flags.Var(&o.ways, "ways", "only those whose name this `expression` matches, and direct")
	flags.StringVar(&o.before, "before", "", "`folder` with an earlier build of ours, to be measured too (make bench-before COMMIT=...)")
	flags.StringVar(&o.out, "out", "", "write report.json, report.md, the summary in README.md and plots to this `folder`")
	flags.BoolVar(&o.render, "render", false, "measure nothing: write the rest anew from the report.json in the folder of -out")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.render && o.out == "" {
		return o, errors.New("-render needs -out")
	}
	for _, dir := range []*string{&o.before, &o.out} {
		if *dir == "" {
			continue
		}
		if *dir, err = filepath.Abs(*dir); err != nil {
			return o, err
		}
	}
	return o, nil
}
