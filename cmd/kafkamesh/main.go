// Command kafkamesh serves Kafka mesh without Envoy, and checks its configurations.
//
//	kafkamesh demo [--once]
//	kafkamesh serve --config FILE [--listen ADDR] [--log-level LEVEL] [--log-format FORMAT]
//	kafkamesh validate FILE…
//	kafkamesh explain CONFIG TOPIC
//	kafkamesh check CONFIG
//	kafkamesh convert FILE
//	kafkamesh user add|verify|list|remove FILE [NAME]
//	kafkamesh version, or --version
//	kafkamesh help [COMMAND]
//
// It exits with 0 when all went well, with 1 when a command failed or a configuration is invalid, and with 2 when it was
// called in a way that it does not understand.
//
// command.go knows the commands; each is in a file of its own. source.go reads configurations, Envoy's included.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal stops in good order; another one kills, as if there were no handler.
	context.AfterFunc(ctx, cancel)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, printer{os.Stdout}, printer{os.Stderr}}))
}
