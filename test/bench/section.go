package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// section is a scenario in Markdown. brief has ratios alone.
func (r *report) section(o *outcome, brief bool) string {
	columns := o.columns(brief)
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", o.Scenario.title(), o.Scenario.describe())
	if o.At != nil {
		fmt.Fprintf(&b, "Measured %s.\n\n", o.At)
	}
	b.WriteString("| way |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, w := range o.Ways {
		fmt.Fprintf(&b, "| %s |", w.Name)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.cell(w.Samples))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// describe says what the clients do.
func (s *scenario) describe() string {
	j := &s.Job
	switch {
	case j.Client == load.Idle:
		return fmt.Sprintf("Clients that have asked for versions and metadata and then do nothing, up to %d.", j.Clients)
	case s.Idle:
		return fmt.Sprintf("Clients: %s, from %d to %d; a Fetch waits for 500 ms, and then comes the next.", j.Client, s.Few, j.Clients)
	}
	text := fmt.Sprintf("Clients: %s, records of %d bytes, acks=%d, %d partitions.", j.Client, j.RecordBytes, j.Acks, j.Partitions)
	if j.Client == load.Follows {
		text = fmt.Sprintf("A consumer waits for what a producer sends: records of %d bytes, %d partitions in each cluster.", j.RecordBytes, j.Partitions)
	}
	if j.Sessions {
		text += " Consumers ask for sessions."
	}
	if j.InFlight > 0 && j.Rate == 0 {
		text += fmt.Sprintf(" Requests in flight on a connection: %d.", j.InFlight)
	}
	if j.Rate > 0 {
		text += fmt.Sprintf(" %.0f requests a second, sent when they are due.", j.Rate)
	}
	switch {
	case s.newcomers() && s.Guarded:
		text += fmt.Sprintf(" Beside them %.0f new connections a second, which log in where clients do.", s.Beside.Rate)
	case s.newcomers():
		text += fmt.Sprintf(" Beside them %.0f new connections a second.", s.Beside.Rate)
	case s.Beside != nil:
		text += fmt.Sprintf(" Beside them %d with batches of %d KiB, %d requests in flight.", s.Beside.Clients, s.Beside.BatchBytes>>10, s.Beside.InFlight)
	}
	if s.Apart {
		text += " Brokers have half of the cores for themselves; clients and proxy share the other."
	}
	return text
}

// column is one of a table.
type column struct {
	title string
	cell  func(samples []sample) string
}

// median is a column of medians, and full one of medians and ranges.
func median(title string, digits int, figure func(int, *sample) float64) column {
	return column{title, func(s []sample) string { return over(s, figure).text(digits) }}
}

func full(title string, digits int, figure func(int, *sample) float64) column {
	return column{title, func(s []sample) string { return over(s, figure).full(digits) }}
}

func (o *outcome) columns(brief bool) []column {
	direct := o.Ways[0].Samples
	paced := o.Scenario.Job.Rate > 0
	switch {
	case o.Scenario.Idle:
		return idleColumns()
	case o.Scenario.newcomers():
		return o.newcomerColumns(direct)
	case o.Scenario.Beside != nil:
		return besideColumns(direct)
	case paced && brief:
		return briefLatencyColumns(direct)
	case paced:
		return latencyColumns(direct)
	case o.Scenario.Job.Sessions:
		return append(throughputColumns(direct), full("CPU of all a record ÷ direct", 2, ratio(direct, perRecord(allCPU))))
	case brief:
		return o.briefColumns(direct)
	default:
		return throughputColumns(direct)
	}
}

func throughputColumns(direct []sample) []column {
	return []column{
		full("÷ direct", 2, ratio(direct, recordsPerSecond)),
		median("records/s", 0, recordsPerSecond),
		median("MB/s", 0, megabytesPerSecond),
		median("CPU s/GB: client", 2, perGB(clientCPU)),
		full("proxy", 2, perGB(proxyCPU)),
		median("broker", 2, perGB(brokerCPU)),
		median("broker CPU a record ÷ direct", 2, ratio(direct, perRecord(brokerCPU))),
		median("proxy's peak, MiB", 0, peakMiB),
	}
}

func (o *outcome) briefColumns(direct []sample) []column {
	return []column{
		full("throughput ÷ direct", 2, ratio(direct, recordsPerSecond)),
		full("proxy's CPU ÷ tcp_proxy's", 2, o.toTCP(perGB(proxyCPU))),
		median("CPU of all a record ÷ direct", 2, ratio(direct, perRecord(allCPU))),
		median("broker CPU a record ÷ direct", 2, ratio(direct, perRecord(brokerCPU))),
	}
}

// toTCP is a figure divided by what the TCP proxy had in the same round.
func (o *outcome) toTCP(figure func(int, *sample) float64) func(int, *sample) float64 {
	return func(i int, s *sample) float64 {
		if tcp := o.samples(tcpProxyWay); len(tcp) > 0 {
			return known(ratio(tcp, figure)(i, s))
		}
		return math.NaN()
	}
}

func latencyColumns(direct []sample) []column {
	return []column{
		full("p50, µs", 0, p50),
		full("p90", 0, p90),
		full("p99", 0, p99),
		full("p99.9", 0, p999),
		full("added p50", 0, added(direct, p50)),
		median("added p90", 0, added(direct, p90)),
		median("added p99", 0, added(direct, p99)),
		median("added p99.9", 0, added(direct, p999)),
		median("proxy CPU, µs a record", 1, perRecord(proxyCPU)),
		full("CPU of all a record ÷ direct", 2, ratio(direct, perRecord(allCPU))),
	}
}

func briefLatencyColumns(direct []sample) []column {
	return []column{
		full("p50 ÷ direct", 2, ratio(direct, p50)),
		median("p90 ÷ direct", 2, ratio(direct, p90)),
		full("p99 ÷ direct", 2, ratio(direct, p99)),
		median("added p50, µs", 0, added(direct, p50)),
		median("proxy CPU, µs a record", 1, perRecord(proxyCPU)),
	}
}

func besideColumns(direct []sample) []column {
	return []column{
		full("small: p99 ÷ direct", 2, ratio(direct, p99)),
		median("p50, µs", 0, p50),
		median("p90", 0, p90),
		full("p99", 0, p99),
		full("p99.9", 0, p999),
		full("large: MB/s ÷ direct", 2, ratio(direct, besideMB)),
		median("MB/s", 0, besideMB),
	}
}

// newcomers says whether clients come and go beside.
func (s *scenario) newcomers() bool { return s.Beside != nil && s.Beside.Client == load.Newcomers }

func (o *outcome) newcomerColumns(direct []sample) []column {
	return []column{
		full("p99 ÷ direct", 2, ratio(direct, p99)),
		full("p99 ÷ tcp_proxy's", 2, o.toTCP(p99)),
		median("p50, µs", 0, p50),
		median("p90", 0, p90),
		full("p99", 0, p99),
		full("p99.9", 0, p999),
		median("newcomers/s", 0, besideRate),
		median("proxy's CPU, % of a core", 0, coreShare(proxyCPU)),
		median("CPU of all", 0, coreShare(allCPU)),
	}
}

func idleColumns() []column {
	return []column{
		median("resident, KiB a client", 1, ofIdle(residentKiB)),
		median("Go's heap and stacks, KiB a client", 1, ofIdle(heapKiB)),
		median("resident, MiB", 0, ofIdle(residentMiB)),
		median("CPU, s a minute", 2, ofIdle(cpuAMinute)),
		median("wake-ups a second", 0, ofIdle(sleepsASecond)),
		median("connections to the cluster a client", 2, ofIdle(upstreamEach)),
		median("broker CPU, s a minute", 2, ofIdle(brokerAMinute)),
	}
}
