package main

import "math"

// keyFigure is one of the figures that say in short how good we are.
type keyFigure struct {
	what     string
	scenario string // its name
	sink     string
	of       func(o *outcome, way string) spread
	digits   int
	more     bool // is better
	aims     aims // how much ours may have at most, or is to have at least; 0: it has none
}

// aims are what we want to reach, in Envoy and as the plain binary.
type aims struct{ envoy, plain float64 }

// of is the aim of a way.
func (a aims) of(way string) float64 {
	switch way {
	case envoyWay:
		return a.envoy
	case standaloneWay:
		return a.plain
	default:
		return 0
	}
}

// keyFigures are all, in the order of the report.
func keyFigures() []keyFigure {
	const (
		cpu        = "proxy's CPU ÷ tcp_proxy's: "
		throughput = "throughput ÷ direct: "
		broker     = "broker's CPU a record ÷ direct: "
		ofIdlers   = "idle connections: "
		ofWaiting  = "waiting consumers: "
	)
	return []keyFigure{
		{cpu + "1 client, 1 MiB", oneLarge, rawSink, cpuToTCP, 2, false, aims{1.05, 0.65}},
		{cpu + "16 clients, 16 KiB", sixteen, rawSink, cpuToTCP, 2, false, aims{1.35, 1.2}},
		{cpu + "256 clients, 1 KiB", many, rawSink, cpuToTCP, 2, false, aims{0.75, 0}},
		{throughput + "1 client, 1 MiB", oneLarge, rawSink, throughputToDirect, 2, true, aims{0.66, 0.75}},
		{throughput + "3 clusters, 16 KiB", three, rawSink, throughputToDirect, 2, true, aims{0.55, 0.5}},
		{throughput + "1000 clients, Kafka", thousand, kafkaBroker, throughputToDirect, 2, true, aims{1, 1.2}},
		{throughput + "1000 clients, Kafka on other cores", thousand + apart, kafkaBroker, throughputToDirect, 2, true, aims{}},
		{broker + "16 clients, 16 KiB", sixteen, rawSink, brokerToDirect, 2, false, aims{0.75, 0.75}},
		{broker + "256 clients, 1 KiB", many, rawSink, brokerToDirect, 2, false, aims{0.25, 0}},
		{broker + "1 MiB, Kafka", oneLarge, kafkaBroker, brokerToDirect, 2, false, aims{1.1, 1.1}},
		{"added p50 ÷ tcp_proxy's: 200 requests a second", slowLatency, rawSink, addedToTCP, 2, false, aims{2, 1.3}},
		{"p99 ÷ tcp_proxy's: half of saturation", busyLatency, rawSink, p99ToTCP, 2, false, aims{1.1, 1.1}},
		{"p99 ÷ direct: small requests beside large ones", besideLarge, rawSink, p99ToDirect, 2, false, aims{1.5, 1.5}},
		{"p99 ÷ direct: small requests beside 1000 new connections a second", besideNew, rawSink, p99ToDirect, 2, false, aims{1.5, 1.5}},
		{"p99 ÷ direct: small requests beside 1000 logins a second", besideLogins, rawSink, p99ToDirect, 2, false, aims{1.5, 1.5}},
		{cpu + "16 clients, 16 KiB, logged in, with rules", sixteen + behindRules, rawSink, cpuToTCP, 2, false, aims{}},
		{cpu + "1 consumer, 1 MiB, Kafka", oneReads, kafkaBroker, cpuToTCP, 2, false, aims{1.2, 1.2}},
		{throughput + "1 consumer, 1 MiB, Kafka", oneReads, kafkaBroker, throughputToDirect, 2, true, aims{}},
		{throughput + "1 consumer of 1000 partitions, Kafka", wide, kafkaBroker, throughputToDirect, 2, true, aims{}},
		{"added p50 ÷ tcp_proxy's: produce to fetch", follows, kafkaBroker, addedToTCP, 2, false, aims{2, 1.3}},
		{"p50 ÷ direct: produce to fetch", follows, kafkaBroker, p50ToDirect, 2, false, aims{}},
		{"p99 ÷ direct: produce to fetch", follows, kafkaBroker, p99ToDirect, 2, false, aims{}},
		{"p99 ÷ direct: produce to fetch, 2 clusters", followsTwo, kafkaBroker, p99ToDirect, 2, false, aims{}},
		{ofWaiting + "memory of one, KiB", waits, kafkaBroker, idleFigure(residentKiB), 1, false, aims{}},
		{ofWaiting + "CPU, s a minute", waits, kafkaBroker, idleFigure(cpuAMinute), 2, false, aims{}},
		{ofWaiting + "connections to the cluster of one", waits, kafkaBroker, idleFigure(upstreamEach), 2, false, aims{}},
		{ofIdlers + "memory of one, KiB", idle, rawSink, idleFigure(residentKiB), 1, false, aims{8, 8}},
		{ofIdlers + "Go's heap and stacks of one, KiB", idle, rawSink, idleFigure(heapKiB), 1, false, aims{}},
		{ofIdlers + "CPU, s a minute", idle, rawSink, idleFigure(cpuAMinute), 2, false, aims{}},
		{ofIdlers + "wake-ups a second", idle, rawSink, idleFigure(sleepsASecond), 0, false, aims{}},
	}
}

// in finds the scenario of a figure in a report, or nil.
func (k *keyFigure) in(r *report) *outcome { return r.outcome(k.scenario, k.sink) }

// value is a figure of a way in a report.
func (k *keyFigure) value(r *report, way string) spread {
	if o := k.in(r); o != nil {
		return k.of(o, way)
	}
	return unknown()
}

// meets says whether a value reaches an aim.
func (k *keyFigure) meets(value, aim float64) bool {
	if k.more {
		return value >= aim
	}
	return value <= aim
}

func unknown() spread { return spread{math.NaN(), math.NaN(), math.NaN()} }

// against is a figure of a way divided by that of another way in the same round.
func (o *outcome) against(base, way string, figure func(int, *sample) float64) spread {
	bases := o.samples(base)
	if len(bases) == 0 {
		return unknown()
	}
	return over(o.samples(way), ratio(bases, figure))
}

func cpuToTCP(o *outcome, way string) spread {
	if way == directWay {
		return unknown()
	}
	return o.against(tcpProxyWay, way, perGB(proxyCPU))
}

func throughputToDirect(o *outcome, way string) spread {
	return o.against(directWay, way, recordsPerSecond)
}

func brokerToDirect(o *outcome, way string) spread {
	return o.against(directWay, way, perRecord(brokerCPU))
}

func p99ToTCP(o *outcome, way string) spread { return o.against(tcpProxyWay, way, p99) }

func p50ToDirect(o *outcome, way string) spread { return o.against(directWay, way, p50) }

func p99ToDirect(o *outcome, way string) spread { return o.against(directWay, way, p99) }

// addedToTCP divides medians: what tcp_proxy adds in one round is so little that chance makes it nothing, or less.
func addedToTCP(o *outcome, way string) spread {
	direct := o.samples(directWay)
	if way == directWay || len(direct) == 0 {
		return unknown()
	}
	ours, tcp := over(o.samples(way), added(direct, p50)), over(o.samples(tcpProxyWay), added(direct, p50))
	if math.IsNaN(tcp.median) || tcp.median <= 0 {
		return unknown()
	}
	return spread{ours.median / tcp.median, math.NaN(), math.NaN()}
}

func idleFigure(figure func(*idleness) float64) func(o *outcome, way string) spread {
	return func(o *outcome, way string) spread { return over(o.samples(way), ofIdle(figure)) }
}
