package main

import (
	"regexp"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// scenario is one thing that is measured, on every way.
type scenario struct {
	Name     string
	Sink     string
	Clusters int
	TLS      bool // to the clusters
	Job      load.Job
	// RateShare makes Job.Rate: this share of what the slowest way can take at all.
	RateShare float64 `json:",omitempty"`
	// Idle has clients that do next to nothing: what counts is the memory that a connection takes.
	Idle  bool `json:",omitempty"`
	quick bool
}

// scenarios are all that there are, in the order of the report.
func scenarios() []scenario {
	franz := func(batch int, acks int16, codec string) load.Job {
		return load.Job{
			Client: load.Franz, Clients: 1, BatchBytes: batch, RecordBytes: 1 << 10, Acks: acks, Codec: codec, Partitions: 6,
		}
	}
	frames := func(clients, batch, inFlight int, partitions int32) load.Job {
		return load.Job{
			Client: load.Frames, Clients: clients, BatchBytes: batch, RecordBytes: 1 << 10, Acks: -1, InFlight: inFlight, Partitions: partitions,
		}
	}
	rate := func(j load.Job, perSecond float64) load.Job {
		j.Rate = perSecond
		return j
	}
	const large, small, single = 1 << 20, 16 << 10, 1 << 10
	return []scenario{
		{Name: "1 client, 1 MiB batches", Sink: rawSink, Job: franz(large, -1, "none"), quick: true},
		{Name: "1 client, 16 KiB batches", Sink: rawSink, Job: franz(small, -1, "none"), quick: true},
		{Name: "1 client, 1 MiB batches of lz4, acks=1", Sink: rawSink, Job: franz(large, 1, "lz4")},
		{Name: "1 client, 16 KiB batches of lz4", Sink: rawSink, Job: franz(small, -1, "lz4")},
		{Name: "16 clients, 16 KiB batches", Sink: rawSink, Job: frames(16, small, 5, 6)},
		{Name: "256 clients, 1 KiB batches", Sink: rawSink, Job: frames(256, single, 1, 64)},
		{Name: "16 clients, 16 KiB batches, 3 clusters", Sink: rawSink, Clusters: 3, Job: frames(16, small, 5, 6)},
		{Name: "1 client, 1 MiB batches, TLS to the cluster", Sink: rawSink, TLS: true, Job: franz(large, -1, "none")},
		{Name: "16 clients, 16 KiB batches, TLS to the cluster", Sink: rawSink, TLS: true, Job: frames(16, small, 5, 6)},
		{Name: "1 client, 1 MiB batches", Sink: kfakeSink, Job: franz(large, -1, "none")},
		{Name: "1 client, 16 KiB batches", Sink: kfakeSink, Job: franz(small, -1, "none")},
		{Name: "1 client, 1 MiB batches", Sink: kafkaBroker, Job: franz(large, -1, "none")},
		{Name: "1 client, 16 KiB batches", Sink: kafkaBroker, Job: franz(small, -1, "none")},
		{Name: "16 clients, 16 KiB batches", Sink: kafkaBroker, Job: frames(16, small, 5, 6)},
		{Name: "1000 clients, 1 KiB batches, 64 partitions", Sink: kafkaBroker, Job: frames(1000, single, 1, 64), quick: true},
		{Name: "latency, 200 requests a second of 1 KiB", Sink: rawSink, Job: rate(frames(1, single, 1, 6), 200), quick: true},
		{Name: "latency, 16 clients of 1 KiB at half of what the slowest takes", Sink: rawSink, Job: frames(16, single, 5, 6), RateShare: 0.5},
		{Name: "latency, 200 requests a second of 1 KiB", Sink: kafkaBroker, Job: rate(frames(1, single, 1, 6), 200)},
		{Name: "4000 idle clients", Sink: rawSink, Idle: true, Job: rate(frames(4_000, single, 1, 6), 1)},
	}
}

// options are what the command line says.
type options struct {
	quick           bool
	rounds          int
	measure         time.Duration
	scenarios, ways pattern
	out             string
}

// pattern is a regular expression on the command line. None matches everything.
type pattern struct{ *regexp.Regexp }

func (p *pattern) String() string { return "" }

// Set reads it.
func (p *pattern) Set(text string) (err error) {
	p.Regexp, err = regexp.Compile(text)
	return err
}

func (p *pattern) matches(name string) bool { return p.Regexp == nil || p.MatchString(name) }

// title is what a scenario is called in reports.
func (s *scenario) title() string { return s.Name + " → " + s.Sink }
