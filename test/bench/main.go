// Command bench compares ways from producers to Kafka clusters: none, Envoy's TCP proxy, Kafka mesh in its hosts, and its peers.
// See docs/benchmarks/README.md. It is also each of the processes that it starts: the clients, the sinks and the relay.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
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
			return clients(ctx)
		case "sink":
			return serveSink(args[1:])
		case "relay":
			return serveRelay(args[1:])
		}
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "a few scenarios, short, and ratios alone")
	flags.IntVar(&o.rounds, "rounds", 0, "measured rounds of each scenario (5; with -quick 3)")
	flags.DurationVar(&o.measure, "measure", 0, "how long a round is measured (2s; with -quick 700ms)")
	flags.Var(&o.scenarios, "scenarios", "only those whose `NAME → SINK` this regular expression matches")
	flags.Var(&o.ways, "ways", "only those whose name this `expression` matches, and direct")
	flags.StringVar(&o.out, "out", "", "write report.json, README.md's tables and plots to this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.out != "" {
		var err error
		if o.out, err = filepath.Abs(o.out); err != nil {
			return err
		}
	}
	if inside, err := enterNamespace(ctx); !inside {
		return err
	}
	return bench(ctx, o)
}

// clients does the job on standard input, writes a line when the time measured begins and ends, and then the result.
func clients(ctx context.Context) error {
	var job load.Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return err
	}
	result, err := load.Run(ctx, &job, func() { fmt.Println("mark") })
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
