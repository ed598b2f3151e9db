package main

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// cluster is one of the three that envoy.yaml names.
type cluster struct {
	name       string
	port       int
	partitions int // of topics created on first use
	topic      string
	records    int // that are sent to it
}

func clusters() []cluster {
	return []cluster{
		{name: "kafka_c1", port: 19191, partitions: 1, topic: "apples", records: 2},
		{name: "kafka_c2", port: 19291, partitions: 1, topic: "bananas", records: 2},
		{name: "kafka_c3", port: 19391, partitions: 5, topic: "cherries", records: 6},
	}
}

func (c cluster) addr() string { return stack.Local(c.port) }

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
	for _, c := range clusters() {
		fake, err := stack.StartFake(stack.FakeOptions{Port: c.port, Partitions: c.partitions})
		if err != nil {
			return started, err
		}
		started = append(started, fake.Close)
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
	for _, c := range clusters() {
		wg.Go(func() {
			kafka, err := stack.StartKafka(ctx, stack.KafkaOptions{
				Port:       c.port,
				Properties: map[string]string{"num.partitions": strconv.Itoa(c.partitions)},
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
