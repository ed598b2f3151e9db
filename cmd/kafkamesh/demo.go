package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
)

func demoCommand() command {
	return command{
		name:    "demo",
		summary: "show a mesh in front of three embedded Kafka clusters",
		about: `Starts three Kafka clusters inside this process and a mesh in front of them on
` + demo.MeshAddr + `, sends a few records through it, and prints in which cluster
each of them is. Then it serves until Ctrl-C: send it something of your own, to
a topic that begins with apples, bananas or cherries.

Nothing is kept. The mesh's configuration is printed first.`,
		setup: func(f *flag.FlagSet) runFunc {
			once := f.Bool("once", false, "end when the records have been shown")
			return func(ctx context.Context, args []string, s streams) error {
				if len(args) > 0 {
					return usageError(fmt.Sprintf("only flags are taken, got %q", args[0]))
				}
				return runDemo(ctx, *once, s)
			}
		},
	}
}

func runDemo(ctx context.Context, once bool, s streams) error {
	for _, c := range demo.Clusters() {
		stop, err := c.StartEmbedded()
		if err != nil {
			return fmt.Errorf("%w; does another demo run?", err)
		}
		defer stop()
	}
	s.out.printf("%s\n", demo.Config)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var shown error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if shown = demo.Show(ctx, demo.MeshAddr, s.out); shown != nil || once {
			stop()
			return
		}
		s.out.printf("READY %s\n", demo.MeshAddr)
		shown = demo.Hints(s.out, "http://"+demo.PageAddr+"/", "")
	}()
	served := serve(ctx, options{file: "-", addr: demo.MeshAddr, logging: new(logging)}, streams{strings.NewReader(demo.Config), s.out, printer{io.Discard}})
	stop()
	<-done
	if errors.Is(shown, context.Canceled) {
		shown = nil // somebody was in a hurry, or serve failed
	}
	return errors.Join(served, shown)
}
