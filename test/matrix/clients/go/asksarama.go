package main

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

func askSarama(ctx context.Context, bootstrap, question, topic string) (string, error) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Timeout, config.Net.ReadTimeout, config.Admin.Timeout = askLimit, askLimit, askLimit
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	client, err := sarama.NewClient([]string{bootstrap}, config)
	if err != nil {
		return "", err
	}
	defer client.Close()
	switch question {
	case "topics":
		found, err := client.Topics()
		return listed(found), err
	case "topic":
		found, err := client.Partitions(topic)
		return fmt.Sprintf("%d partitions", len(found)), err
	case "send":
		p, err := sarama.NewSyncProducerFromClient(client)
		if err != nil {
			return "", err
		}
		_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")})
		return "stored", err
	case "consume":
		return consumeSarama(ctx, client, topic)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return "", err
	}
	if question == "create" {
		return "created", admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false)
	}
	brokers, _, err := admin.DescribeCluster()
	return fmt.Sprintf("%d node", len(brokers)), err
}

// firstRecord is a group's handler that takes one record.
type firstRecord struct{ cancel context.CancelFunc }

func (firstRecord) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (firstRecord) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (f firstRecord) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	if _, ok := <-claim.Messages(); ok {
		f.cancel()
	}
	return nil
}

func consumeSarama(ctx context.Context, client sarama.Client, topic string) (string, error) {
	group, err := sarama.NewConsumerGroupFromClient(topic, client)
	if err != nil {
		return "", err
	}
	defer group.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return "1 records", group.Consume(ctx, []string{topic}, firstRecord{cancel})
}
