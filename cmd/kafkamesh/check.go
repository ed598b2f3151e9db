package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

// surveyTimeout is the default of --timeout.
const surveyTimeout = 10 * time.Second

func checkCommand() command {
	return command{
		name:    "check",
		args:    "[--json] CONFIG",
		summary: "connect and log in to every cluster, and say what is wrong",
		about: `Connects and logs in to every cluster of CONFIG, as the mesh does: to each
bootstrap server, and to each broker that the cluster names. Prints a line for
each broker: whether it can be used, the median of five round trips, the release
of Kafka as far as that can be told, TLS with the days that the broker's
certificate is valid for, and the login. Below is what is wrong, what will be,
and what to do about it; also what the rules do there, and which topics the
mesh's user may not write to or read and in which groups it may not be, if the
brokers tell, and what it may not create, alter or delete where administration
lets clients do that.

CONFIG is what validate reads, "-" being standard input. Of a configuration of
Envoy with several filters, each is checked. Nothing is changed in a cluster.

The exit code is 0 when everything works. Warnings leave it so.`,
		setup: func(f *flag.FlagSet) runFunc {
			timeout := f.Duration("timeout", surveyTimeout, "how much `TIME` each broker has to connect and to answer")
			asJSON := f.Bool("json", false, "print a JSON object for each broker, and one for each cluster, a line each")
			return func(ctx context.Context, args []string, s streams) error {
				switch {
				case len(args) != 1:
					return usageError(fmt.Sprintf("name one CONFIG, got %d", len(args)))
				case *timeout <= 0:
					return usageError("--timeout must be longer than nothing")
				}
				return check(ctx, args[0], *timeout, *asJSON, s)
			}
		},
	}
}

func check(ctx context.Context, file string, timeout time.Duration, asJSON bool, s streams) error {
	found, err := sources(file, s.in)
	if err != nil {
		return err
	}
	var failed error
	for i := range found {
		c, err := found[i].parse(s.err)
		if err != nil {
			failed = err
			continue
		}
		clusters, err := surveyAll(ctx, c, timeout)
		if err != nil {
			return err
		}
		report := printTable
		if asJSON {
			report = printJSON
		} else if len(found) > 1 {
			s.out.printf("%s\n", found[i].name())
		}
		if !report(s.out, found[i].path, c, clusters) {
			failed = errReported
		}
	}
	return failed
}

// surveyAll surveys the clusters of a configuration at the same time.
func surveyAll(ctx context.Context, c *config.Config, timeout time.Duration) ([]*survey.Cluster, error) {
	clusters, errs := make([]*survey.Cluster, len(c.Clusters)), make([]error, len(c.Clusters))
	var work sync.WaitGroup
	for i, cluster := range c.Clusters {
		work.Go(func() {
			clusters[i], errs[i] = surveyOf(ctx, filter.SeenAs(cluster, ""), timeout, nil)
			switch {
			case errs[i] != nil:
			case cluster.Identity == config.MappedIdentity:
				clusters[i].Findings = append(clusters[i].Findings, logIns(ctx, cluster, clusters[i], timeout)...)
			default:
				written := rulesTo(c, config.Writes, cluster.Name)
				clusters[i].Judge(written, rulesTo(c, config.Reads, cluster.Name))
				clusters[i].JudgeAdministration(administrationOf(c.TopicAccess), written)
			}
		})
	}
	work.Wait()
	return clusters, errors.Join(errs...)
}

// administrationOf is what a configuration lets clients do.
func administrationOf(a config.Access) survey.Administration {
	switch a {
	case config.AccessCreate:
		return survey.Creating
	case config.AccessAll:
		return survey.Altering
	default:
		return survey.Nothing
	}
}

// surveyOf surveys one cluster, as it sees somebody. Topics are those that are asked about, nil for all.
func surveyOf(ctx context.Context, seen filter.Seen, timeout time.Duration, topics []string) (*survey.Cluster, error) {
	client, err := clientOf(seen.Settings)
	if err != nil {
		return nil, err
	}
	return survey.Of(ctx, survey.Options{Settings: seen.Settings, Client: client, Timeout: timeout, Topics: topics, Groups: topics == nil}), nil
}

// clientOf makes the client of one cluster.
//
//nolint:ireturn // as filter.Options has it
func clientOf(s upstream.Settings) (upstream.Client, error) {
	client, err := saramaclient.New(s)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", s.Name, err)
	}
	return client, nil
}
