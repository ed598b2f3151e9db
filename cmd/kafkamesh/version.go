package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// What the shared libraries of the same release are built for; a test compares it with their sources.
const (
	dynamicModulesABI = "v0.1.0 (Envoy 1.38 to 1.40)"
	contribABI        = "v1.39.1 (Envoy 1.36 to 1.39)"
)

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print the versions of kafkamesh, Go, sarama and of Envoy's ABIs",
		about: `Prints the version and the commit of kafkamesh, the versions of Go and of
sarama, the Kafka client that it connects with, and of what libkafkamesh.so
(Envoy's dynamic modules ABI) and libkafkamesh-contrib.so (its golang filter)
of the same release are built for.`,
		setup: func(*flag.FlagSet) runFunc {
			return func(_ context.Context, args []string, s streams) error {
				if len(args) > 0 {
					return usageError(fmt.Sprintf("no arguments are taken, got %q", args[0]))
				}
				printVersion(s)
				return nil
			}
		},
	}
}

func printVersion(s streams) {
	i := version.Current()
	s.out.printf("kafkamesh %s\ncommit %s\n%s\nsarama %s\n", i.Version, i.Commit, i.Go, i.Sarama)
	s.out.printf("dynamic modules ABI %s\ncontrib golang ABI %s\n", dynamicModulesABI, contribABI)
}
