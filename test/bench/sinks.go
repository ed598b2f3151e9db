package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/sink"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Kinds of clusters.
const (
	rawSink     = "raw sink"
	kfakeSink   = "kfake"
	kafkaBroker = "Apache Kafka " + stack.KafkaVersion
)

// topicOf is the name of a cluster's topic.
func topicOf(cluster int) string { return fmt.Sprintf("c%d-bench", cluster) }

// clusters are those of a scenario, of one broker each.
type clusters struct {
	addrs     []string
	ca        string // PEM file; empty without TLS
	processes []*stack.Process
	closers   []func()
}

func (c *clusters) close() {
	for _, f := range c.closers {
		f()
	}
}

// start starts what a scenario produces to.
func (c *clusters) start(ctx context.Context, s *scenario, dir string) error {
	if s.TLS {
		c.ca = filepath.Join(dir, authorityFile)
	}
	for i := range s.Clusters {
		var err error
		if s.Sink == kafkaBroker {
			err = c.startKafka(ctx, s, i)
		} else {
			err = c.startSink(ctx, s, i, dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *clusters) startSink(ctx context.Context, s *scenario, i int, dir string) error {
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	args := []string{"sink", "-port", strconv.Itoa(port), "-topic", topicOf(i), "-partitions", strconv.Itoa(int(s.Job.Partitions))}
	if s.Sink == kfakeSink {
		args = append(args, "-kfake")
	}
	if s.TLS {
		args = append(args, "-tls", dir)
	}
	p, err := stack.Start(ctx, s.Sink, exec.Command("/proc/self/exe", args...), stack.Local(port))
	if err != nil {
		return err
	}
	c.addrs, c.processes, c.closers = append(c.addrs, stack.Local(port)), append(c.processes, p), append(c.closers, p.Kill)
	return nil
}

// startKafka starts a broker that forgets soon, with its topic, and warms it up: a cold one takes three times the CPU.
func (c *clusters) startKafka(ctx context.Context, s *scenario, i int) error {
	k, err := stack.StartKafka(ctx, stack.KafkaOptions{
		JVM: []string{"-Xms512m", "-Xmx512m"},
		Properties: map[string]string{
			"log.retention.bytes": strconv.Itoa(1 << 30 / int(s.Job.Partitions)), "log.segment.bytes": strconv.Itoa(64 << 20),
			"log.retention.check.interval.ms": "1000", "log.segment.delete.delay.ms": "500",
			"num.network.threads": "3", "num.io.threads": "8",
		},
	})
	if err != nil {
		return err
	}
	c.addrs, c.processes, c.closers = append(c.addrs, k.Addr()), append(c.processes, k.Process), append(c.closers, k.Close)
	if err := createTopic(ctx, k.Addr(), topicOf(i), s.Job.Partitions); err != nil {
		return err
	}
	if !s.reads() {
		return warmUp(ctx, k.Addr(), topicOf(i))
	}
	return fill(ctx, k.Addr(), topicOf(i), &s.Job)
}

func createTopic(ctx context.Context, addr, name string, partitions int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err
	}
	defer client.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, client)
	if err == nil && resp.Topics[0].ErrorCode != 0 {
		err = fmt.Errorf("create topic %s: error code %d", name, resp.Topics[0].ErrorCode)
	}
	return err
}

// warmUpBytes is after how many small batches a broker takes no less CPU for more of them.
const warmUpBytes = 1_500_000_000

func warmUp(ctx context.Context, addr, topic string) error {
	job := load.Job{
		To: []load.Destination{{Addr: addr, Topic: topic}}, Client: load.Franz, Clients: 1, BatchBytes: 16 << 10, RecordBytes: 1 << 10,
		Acks: -1, Measure: time.Second,
	}
	for sent := int64(0); sent < warmUpBytes; {
		result, err := load.Run(ctx, &job, func() {})
		if err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
		sent += max(result.Bytes, 1<<20)
	}
	return nil
}

// filledBytes is how much a topic has that is read again and again: it stays in the system's memory.
const filledBytes = 256 << 20

// fill warms a broker up with a topic of its own, fills a topic with what a job reads, and has it read for a while.
func fill(ctx context.Context, addr, topic string, job *load.Job) error {
	const other = "warm-up"
	if err := createTopic(ctx, addr, other, 6); err != nil {
		return err
	}
	if err := warmUp(ctx, addr, other); err != nil {
		return err
	}
	if job.Client != load.Consumes {
		return nil
	}
	filling := frames(1, job.BatchBytes, 5, job.Partitions)
	filling.To, filling.Measure = []load.Destination{{Addr: addr, Topic: topic}}, time.Second/4
	for sent := int64(0); sent < filledBytes; {
		result, err := load.Run(ctx, &filling, func() {})
		if err != nil {
			return fmt.Errorf("fill %s: %w", topic, err)
		}
		sent += max(result.Bytes, 1<<20)
	}
	reading := *job
	reading.To, reading.Measure = filling.To, 3*time.Second
	_, err := load.Run(ctx, &reading, func() {})
	return err
}

// serveSink is the process of a sink.
func serveSink(args []string) error {
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	port := flags.Int("port", 0, "")
	topic := flags.String("topic", "", "")
	partitions := flags.Int("partitions", 1, "")
	fake := flags.Bool("kfake", false, "")
	keys := flags.String("tls", "", "folder with the certificate")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *fake {
		if _, err := sink.Blackhole(*port, int32(*partitions), *topic); err != nil {
			return err
		}
		select {}
	}
	l, err := net.Listen("tcp", stack.Local(*port))
	if err != nil {
		return err
	}
	if *keys != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(*keys, certificateFile), filepath.Join(*keys, keyFile))
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})
	}
	return (&sink.Raw{Partitions: int32(*partitions)}).Serve(l)
}
