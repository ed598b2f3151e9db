package main

import (
	"fmt"
	"math"
	"slices"
)

// spread is a median over rounds, and the least and the most.
type spread struct{ median, least, most float64 }

// over computes a figure of each sample. Samples that have none, because something was not measured, are left out.
func over(samples []sample, figure func(i int, s *sample) float64) spread {
	var values []float64
	for i := range samples {
		if v := figure(i, &samples[i]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	return spread{values[len(values)/2], values[0], values[len(values)-1]}
}

// text writes the median alone, digits behind the point.
func (s spread) text(digits int) string {
	if math.IsNaN(s.median) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, s.median)
}

// full writes median and range, if there is one.
func (s spread) full(digits int) string {
	if math.IsNaN(s.median) || math.IsNaN(s.least) {
		return s.text(digits)
	}
	return fmt.Sprintf("%.*f [%.*f–%.*f]", digits, s.median, digits, s.least, digits, s.most)
}

// Figures of one sample.

func recordsPerSecond(_ int, s *sample) float64 { return float64(s.Records) / s.Seconds }

func megabytesPerSecond(_ int, s *sample) float64 { return float64(s.Bytes) / s.Seconds / 1e6 }

// perGB is CPU seconds for 10⁹ bytes of record values, before compression.
func perGB(side func(*sample) float64) func(int, *sample) float64 {
	return func(_ int, s *sample) float64 { return side(s) / (float64(s.Bytes) / 1e9) }
}

// perRecord is CPU microseconds for a record.
func perRecord(side func(*sample) float64) func(int, *sample) float64 {
	return func(_ int, s *sample) float64 { return side(s) * 1e6 / float64(s.Records) }
}

func clientCPU(s *sample) float64 { return s.ClientCPU }
func proxyCPU(s *sample) float64  { return s.ProxyCPU }
func brokerCPU(s *sample) float64 { return s.BrokerCPU }
func allCPU(s *sample) float64    { return s.ClientCPU + s.ProxyCPU + s.BrokerCPU }

// ratio is a figure divided by what direct had in the same round.
func ratio(direct []sample, figure func(int, *sample) float64) func(int, *sample) float64 {
	return func(i int, s *sample) float64 { return figure(i, s) / figure(i, &direct[i]) }
}

// added is a figure less what direct had in the same round.
func added(direct []sample, figure func(int, *sample) float64) func(int, *sample) float64 {
	return func(i int, s *sample) float64 { return figure(i, s) - figure(i, &direct[i]) }
}

func p50(_ int, s *sample) float64  { return known(s.P50) }
func p90(_ int, s *sample) float64  { return known(s.P90) }
func p99(_ int, s *sample) float64  { return known(s.P99) }
func p999(_ int, s *sample) float64 { return known(s.P999) }

// coreShare is CPU time in percent of what one core has.
func coreShare(side func(*sample) float64) func(int, *sample) float64 {
	return func(_ int, s *sample) float64 { return side(s) / s.Seconds * 100 }
}

// known is a figure that is not 0, unless it was not measured.
func known(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

func peakMiB(_ int, s *sample) float64 { return known(float64(s.ProxyPeak) / (1 << 20)) }

// besideMB is what the clients beside sent, in megabytes a second.
func besideMB(_ int, s *sample) float64 {
	if s.Beside == nil {
		return math.NaN()
	}
	return float64(s.Beside.Bytes) / s.Beside.Seconds / 1e6
}

// besideRate is how often the clients beside did what they do, in a second.
func besideRate(_ int, s *sample) float64 {
	if s.Beside == nil {
		return math.NaN()
	}
	return float64(s.Beside.Batches) / s.Beside.Seconds
}

// ofIdle is a figure of idle clients.
func ofIdle(figure func(*idleness) float64) func(int, *sample) float64 {
	return func(_ int, s *sample) float64 {
		if s.Idle == nil {
			return math.NaN()
		}
		return figure(s.Idle)
	}
}

// residentKiB is by how much the proxy's resident memory grew with each client.
func residentKiB(i *idleness) float64 {
	return known(i.slopeKiB(func(m memory) int64 { return m.Resident }))
}

// heapKiB is the same of what lives on Go's heap, and stacks.
func heapKiB(i *idleness) float64 {
	return known(i.slopeKiB(func(m memory) int64 { return m.Heap }))
}

// upstreamEach is how many connections to the clusters there are more for each client more.
func upstreamEach(i *idleness) float64 {
	if i.Many.Upstream == 0 { // an earlier report has not counted them
		return math.NaN()
	}
	return float64(i.Many.Upstream-i.Few.Upstream) / float64(i.Many.Clients-i.Few.Clients)
}

func residentMiB(i *idleness) float64   { return float64(i.Many.Resident) / (1 << 20) }
func cpuAMinute(i *idleness) float64    { return i.CPU / i.Seconds * 60 }
func brokerAMinute(i *idleness) float64 { return known(i.Broker / i.Seconds * 60) }
func sleepsASecond(i *idleness) float64 { return float64(i.Sleeps) / i.Seconds }
