package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// showTimeout bounds the sending and the reading back, so that a demo that does not work says so.
const showTimeout = 30 * time.Second

// show sends a few records through Envoy and prints where each of them is, as each cluster itself says.
func show(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	if err := produce(ctx); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	line := func(columns ...any) { _, _ = fmt.Fprintf(table, "%v\t%v\t%v\t%v\t%s\n", columns...) } // Flush tells
	line("TOPIC", "PARTITION", "OFFSET", "CLUSTER", "VALUE")
	for _, c := range clusters() {
		records, err := c.readBack(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(records, func(a, b *kgo.Record) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
		for _, r := range records {
			line(r.Topic, r.Partition, r.Offset, c.name, r.Value)
		}
	}
	return table.Flush()
}

func produce(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(envoyAddr), kgo.AllowAutoTopicCreation())
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, c := range clusters() {
		for i := range c.records {
			records = append(records, &kgo.Record{
				Topic: c.topic,
				Key:   fmt.Appendf(nil, "key-%d", i),
				Value: fmt.Appendf(nil, "%s number %d", c.topic, i),
			})
		}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("send through Envoy: %w", err)
	}
	return nil
}

// readBack returns every record that the cluster holds, and fails if it does not get as many as were sent to it.
func (c cluster) readBack(ctx context.Context) (records []*kgo.Record, err error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.addr()),
		kgo.ConsumeRegex(),
		kgo.ConsumeTopics(".*"), // all, so that a record in the wrong cluster is seen
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for len(records) < c.records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%s holds %d of the %d records sent to it: %w", c.name, len(records), c.records, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}
