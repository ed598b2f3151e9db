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
	// Beside is what other clients do at the same time, in a process of their own, at a rate or as fast as they can. What they feel is not
	// measured.
	Beside *load.Job `json:",omitempty"`
	// Guarded has ours ask clients to log in, and judge what they ask for by rules and a quota. Those of the job, and beside, log in then;
	// where nobody can, they do the rest alone.
	Guarded bool `json:",omitempty"`
	// RateShare makes Job.Rate: this share of what the slowest way can take at all.
	RateShare float64 `json:",omitempty"`
	// Times is for how many times as long as others it is measured in a round; 0: once.
	Times int `json:",omitempty"`
	// Apart has brokers on one half of the machine's cores, and clients and proxies on the other.
	Apart bool `json:",omitempty"`
	// Idle has clients that do nothing, or wait: what counts is what a connection costs. It is reckoned from Few of them to all.
	Idle  bool `json:",omitempty"`
	Few   int  `json:",omitempty"`
	quick bool
}

// Names of scenarios that key figures are of.
const (
	oneLarge     = "1 client, 1 MiB batches"
	sixteen      = "16 clients, 16 KiB batches"
	many         = "256 clients, 1 KiB batches"
	three        = "16 clients, 16 KiB batches, 3 clusters"
	thousand     = "1000 clients, 1 KiB batches, 64 partitions"
	slowLatency  = "latency, 200 requests a second of 1 KiB"
	busyLatency  = "latency, 16 clients of 1 KiB at half of what the slowest takes"
	besideLarge  = "100 clients of 1 KiB beside one of 1 MiB batches"
	besideNobody = "100 clients of 1 KiB, 1000 requests a second"
	besideNew    = "100 clients of 1 KiB beside 1000 new connections a second"
	besideLogins = "100 clients of 1 KiB beside 1000 logins a second"
	behindRules  = ", logged in, 50 rules, a quota"
	idle         = "idle clients"
	apart        = ", brokers on other cores"
	toTheCluster = ", TLS to the cluster"
)

// Sizes of batches.
const large, small, single = 1 << 20, 16 << 10, 1 << 10

// scenarios are all that there are, in the order of the report.
func scenarios() []scenario {
	const manyClients, thousandClients = 256, 1000
	bulk := frames(1, large, 5, 6)
	newcomers := load.Job{Client: load.Newcomers, Clients: 64, Rate: 1000}
	logins := loggedIn(newcomers)
	writing := []scenario{
		{Name: oneLarge, Sink: rawSink, Job: franz(large, -1, "none"), quick: true},
		{Name: "1 client, 16 KiB batches", Sink: rawSink, Job: franz(small, -1, "none")},
		{Name: "1 client, 1 MiB batches of lz4, acks=1", Sink: rawSink, Job: franz(large, 1, "lz4")},
		{Name: "1 client, 16 KiB batches of lz4", Sink: rawSink, Job: franz(small, -1, "lz4")},
		{Name: sixteen, Sink: rawSink, Job: frames(16, small, 5, 6), quick: true},
		{Name: many, Sink: rawSink, Job: frames(manyClients, single, 1, 64), quick: true},
		{Name: many + apart, Sink: rawSink, Apart: true, Job: frames(manyClients, single, 1, 64)},
		{Name: three, Sink: rawSink, Clusters: 3, Job: frames(16, small, 5, 6)},
		{Name: oneLarge + toTheCluster, Sink: rawSink, TLS: true, Job: franz(large, -1, "none")},
		{Name: sixteen + toTheCluster, Sink: rawSink, TLS: true, Job: frames(16, small, 5, 6)},
		{Name: oneLarge, Sink: kfakeSink, Job: franz(large, -1, "none")},
		{Name: "1 client, 16 KiB batches", Sink: kfakeSink, Job: franz(small, -1, "none")},
		{Name: oneLarge, Sink: kafkaBroker, Job: franz(large, -1, "none")},
		{Name: "1 client, 16 KiB batches", Sink: kafkaBroker, Job: franz(small, -1, "none")},
		{Name: sixteen, Sink: kafkaBroker, Job: frames(16, small, 5, 6)},
		{Name: thousand, Sink: kafkaBroker, Job: frames(thousandClients, single, 1, 64)},
		{Name: thousand + apart, Sink: kafkaBroker, Apart: true, Job: frames(thousandClients, single, 1, 64)},
		{Name: slowLatency, Sink: rawSink, Job: paced(1, 1, 200), quick: true},
		{Name: "latency, 2000 requests a second of 1 KiB, 16 clients", Sink: rawSink, Job: paced(16, 1, 2000)},
		{Name: busyLatency, Sink: rawSink, Job: paced(16, 5, 0), RateShare: 0.5},
		{Name: slowLatency, Sink: kafkaBroker, Job: paced(1, 1, 200)},
		{Name: besideLarge, Sink: rawSink, Job: paced(100, 1, 1000), Beside: &bulk, quick: true},
		{Name: besideNobody, Sink: rawSink, Job: paced(100, 1, 1000), quick: true},
		{Name: besideNew, Sink: rawSink, Job: paced(100, 1, 1000), Beside: &newcomers, quick: true},
		{Name: besideLogins, Sink: rawSink, Guarded: true, Job: loggedIn(paced(100, 1, 1000)), Beside: &logins, quick: true},
		{Name: sixteen + behindRules, Sink: rawSink, Guarded: true, Job: loggedIn(frames(16, small, 5, 6)), quick: true},
		{Name: many + behindRules, Sink: rawSink, Guarded: true, Job: loggedIn(frames(manyClients, single, 1, 64))},
		{Name: idle, Sink: rawSink, Idle: true, Job: load.Job{Client: load.Idle, Acks: -1, RecordBytes: single, BatchBytes: single, Partitions: 6}},
	}
	return append(writing, readingScenarios()...)
}

// franz is one producer of franz-go.
func franz(batch int, acks int16, codec string) load.Job {
	return load.Job{Client: load.Franz, Clients: 1, BatchBytes: batch, RecordBytes: 1 << 10, Acks: acks, Codec: codec, Partitions: 6}
}

// frames are clients that send requests made beforehand.
func frames(clients, batch, inFlight int, partitions int32) load.Job {
	return load.Job{
		Client: load.Frames, Clients: clients, BatchBytes: batch, RecordBytes: 1 << 10, Acks: -1, InFlight: inFlight, Partitions: partitions,
	}
}

// paced are such clients, with requests of one record at a fixed rate. inFlight counts only where the rate is still to be found.
func paced(clients, inFlight int, perSecond float64) load.Job {
	j := frames(clients, single, inFlight, 6)
	j.Rate = perSecond
	return j
}

// loggedIn has clients log in first.
func loggedIn(j load.Job) load.Job {
	j.LogsIn = true
	return j
}

// options are what the command line says.
type options struct {
	quick, render   bool
	rounds          int
	measure         time.Duration
	scenarios, ways pattern
	before, out     string
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
