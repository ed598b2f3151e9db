package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// showTimeout bounds the sending and the reading back, so that a demo that does not work says so.
const showTimeout = 30 * time.Second

// Show sends a few records through the mesh and prints where each of them is, as each cluster itself says.
func Show(ctx context.Context, mesh string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	if err := produce(ctx, mesh); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(columns ...any) { _, _ = fmt.Fprintf(table, "%v\t%v\t%v\t%v\t%s\n", columns...) } // Flush tells
	line("TOPIC", "PARTITION", "OFFSET", "CLUSTER", "VALUE")
	for _, c := range Clusters() {
		records, err := c.readBack(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(records, func(a, b *kgo.Record) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
		for _, r := range records {
			line(r.Topic, r.Partition, r.Offset, c.Name, r.Value)
		}
	}
	return table.Flush()
}

func produce(ctx context.Context, mesh string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(mesh), kgo.AllowAutoTopicCreation())
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, c := range Clusters() {
		for i := range c.Records {
			records = append(records, &kgo.Record{
				Topic: c.Topic,
				Key:   fmt.Appendf(nil, "key-%d", i),
				Value: fmt.Appendf(nil, "%s number %d", c.Topic, i),
			})
		}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("send through the mesh: %w", err)
	}
	return nil
}

// readBack returns every record that the cluster holds, and fails if it does not get as many as were sent to it.
func (c Cluster) readBack(ctx context.Context) (records []*kgo.Record, err error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Addr()),
		kgo.ConsumeRegex(),
		kgo.ConsumeTopics(".*"), // all, so that a record in the wrong cluster is seen
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for len(records) < c.Records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%s holds %d of the %d records sent to it: %w", c.Name, len(records), c.Records, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}
