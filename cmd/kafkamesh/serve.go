package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

// grace bounds the wait for answers in flight when serve is told to stop. Filter.Close takes up to 5 seconds more, so the
// process ends within 10.
const grace = 5 * time.Second

func serveCommand() command {
	return command{
		name:    "serve",
		args:    "--config FILE [--listen ADDR]",
		summary: "serve producers on a plain listener",
		about: `Serves producers on a plain TCP listener, without Envoy: for development, tests
and bare machines.

FILE is a configuration in YAML or JSON, "-" being standard input, or one of
Envoy's with one filter that uses the module or plugin kafkamesh. While it names
no advertised_host, clients are told the address that they dialled.

On SIGTERM or SIGINT no more clients are accepted, requests in flight are
answered, and the metrics are printed to standard error. That takes 10 seconds
at most; a second signal ends the process at once.`,
		setup: func(f *flag.FlagSet) runFunc {
			file := f.String("config", "", "the configuration, a `FILE` in YAML or JSON; required")
			addr := f.String("listen", "127.0.0.1:19092", "the `ADDR` to listen on, host:port")
			return func(ctx context.Context, args []string, s streams) error {
				switch {
				case len(args) > 0:
					return usageError(fmt.Sprintf("only flags are taken, got %q", args[0]))
				case *file == "":
					return usageError("--config FILE is missing")
				}
				return serve(ctx, *file, *addr, s)
			}
		},
	}
}

func serve(ctx context.Context, file, addr string, s streams) error {
	c, err := load(file, s)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	table := stats.Table(clusterNames(c))
	values := make([]int64, len(table))
	f, err := filter.New(c, filter.Options{NewClient: saramaclient.New, Stats: stats.New(table, values), Log: log})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	announce(log, c, l.Addr())
	server := tcp.New(tcp.Options{
		Open: func(worker int, p filter.Peer, conn filter.Conn) tcp.Session { return f.NewSession(worker, p, conn) },
		Log:  log, Grace: grace,
	})
	stopping := context.AfterFunc(ctx, func() { log.Info("stopping", "waiting_at_most", grace) })
	defer stopping()
	err = server.Serve(ctx, l)
	f.Close()
	printMetrics(s.err, table, values)
	return err
}

// load reads the one configuration in file.
func load(file string, s streams) (*config.Config, error) {
	found, err := sources(file, s.in)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%s: holds %d filters; serve needs a file with one", file, len(found))
	}
	c, err := found[0].parse(s.err)
	if err != nil {
		return nil, err
	}
	warn(s.err, found[0].name, c.Warnings)
	return c, nil
}

func announce(log *slog.Logger, c *config.Config, addr net.Addr) {
	for _, cluster := range c.Clusters {
		log.Info("cluster", "name", cluster.Name, "bootstrap_servers", cluster.BootstrapServers)
	}
	for _, rule := range c.Rules {
		log.Info("rule", "topic_prefix", rule.Prefix, "cluster", rule.Cluster)
	}
	advertised := "the address dialled"
	if c.AdvertisedHost != "" {
		advertised = net.JoinHostPort(c.AdvertisedHost, strconv.Itoa(int(c.AdvertisedPort)))
	}
	log.Info("listening", "address", addr, "advertised", advertised)
}

func clusterNames(c *config.Config) []string {
	var names []string
	for _, cluster := range c.Clusters {
		names = append(names, cluster.Name)
	}
	return names
}
