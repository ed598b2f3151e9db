package main

import (
	"context"
	"flag"
	"fmt"
	"runtime/debug"
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
		about: `Prints the versions of kafkamesh, of Go, of sarama, the Kafka client that it
connects with, and of what libkafkamesh.so (Envoy's dynamic modules ABI) and
libkafkamesh-contrib.so (its golang filter) of the same release are built for.`,
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
	s.out.printf("dynamic modules ABI %s\ncontrib golang ABI %s\n", dynamicModulesABI, contribABI)
	for _, b := range info.Settings {
		if b.Key == "vcs.revision" {
			s.out.printf("revision %s\n", b.Value)
		}
	}
}
