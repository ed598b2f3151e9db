package main

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// stops are the functions that stop what was started.
type stops []func()

// stop calls all at once, since a real Kafka takes seconds to end.
func (s stops) stop() {
	var wg sync.WaitGroup
	for _, stop := range s {
		wg.Go(stop)
	}
	wg.Wait()
}

// startClusters starts all clusters. What it has started is returned even if one fails.
func startClusters(ctx context.Context, apache bool) (stops, error) {
	if !apache {
		return startFakes()
	}
	if err := stack.Install(ctx, "build/install-kafka.sh", stack.KafkaVersion); err != nil {
		return nil, err
	}
	return startKafkas(ctx)
}

func startFakes() (stops, error) {
	var started stops
	for _, c := range demo.Clusters() {
		stop, err := c.StartEmbedded()
		if err != nil {
			return started, err
		}
		started = append(started, stop)
	}
	return started, nil
}

func startKafkas(ctx context.Context) (stops, error) {
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		started stops
		errs    []error
	)
	for _, c := range demo.Clusters() {
		wg.Go(func() {
			kafka, err := stack.StartKafka(ctx, stack.KafkaOptions{
				Port:       c.Port,
				Properties: map[string]string{"num.partitions": strconv.Itoa(c.Partitions)},
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			started = append(started, kafka.Close)
		})
	}
	wg.Wait()
	return started, errors.Join(errs...)
}
