package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func askFranz(ctx context.Context, bootstrap, question, topic string) (string, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.RetryTimeout(askLimit)}
	if question == "consume" {
		opts = append(opts, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	switch question {
	case "topics":
		found, err := admin.ListTopics(ctx)
		return listed(found.Names()), err
	case "topic":
		found, err := admin.ListTopics(ctx, topic)
		if err == nil {
			err = found[topic].Err
		}
		return fmt.Sprintf("%d partitions", len(found[topic].Partitions)), err
	case "send":
		return "stored", client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
	case "create":
		_, err := admin.CreateTopic(ctx, 2, 1, nil, topic)
		return "created", err
	case "cluster":
		found, err := admin.BrokerMetadata(ctx)
		return fmt.Sprintf("%s, %d node", found.Cluster, len(found.Brokers)), err
	case "consume":
		found := client.PollFetches(ctx)
		return fmt.Sprintf("%d records", found.NumRecords()), found.Err()
	}
	return "", fmt.Errorf("unknown question %s", question)
}
