package main

import (
	"context"
	"flag"
	"fmt"
	"runtime/debug"
)

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print the versions of kafkamesh, Go and sarama",
		about:   "Prints the versions of kafkamesh, of Go and of sarama, the Kafka client that it connects with.",
		setup: func(*flag.FlagSet) runFunc {
			return func(_ context.Context, args []string, s streams) error {
				if len(args) > 0 {
					return usageError(fmt.Sprintf("no arguments are taken, got %q", args[0]))
				}
				info, ok := debug.ReadBuildInfo()
				if !ok {
					info = &debug.BuildInfo{}
				}
				printVersion(info, s)
				return nil
			}
		},
	}
}

func printVersion(info *debug.BuildInfo, s streams) {
	version := info.Main.Version
	if version == "" {
		version = "(unknown)"
	}
	s.out.printf("kafkamesh %s\n%s\n", version, info.GoVersion)
	for _, m := range info.Deps {
		if m.Path == "github.com/IBM/sarama" {
			s.out.printf("sarama %s\n", m.Version)
		}
	}
	for _, b := range info.Settings {
		if b.Key == "vcs.revision" {
			s.out.printf("revision %s\n", b.Value)
		}
	}
}
