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

// full writes median and range.
func (s spread) full(digits int) string {
	if math.IsNaN(s.median) {
		return "–"
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

// ratio is a figure divided by what direct had in the same round.
func ratio(direct []sample, figure func(int, *sample) float64) func(int, *sample) float64 {
	return func(i int, s *sample) float64 { return figure(i, s) / figure(i, &direct[i]) }
}

// added is a figure less what direct had in the same round.
func added(direct []sample, figure func(int, *sample) float64) func(int, *sample) float64 {
	return func(i int, s *sample) float64 { return figure(i, s) - figure(i, &direct[i]) }
}

func p50(_ int, s *sample) float64  { return s.P50 }
func p99(_ int, s *sample) float64  { return s.P99 }
func p999(_ int, s *sample) float64 { return s.P999 }

func peakMiB(_ int, s *sample) float64 {
	if s.ProxyPeak == 0 {
		return math.NaN()
	}
	return float64(s.ProxyPeak) / (1 << 20)
}

// perClientKiB is what the proxy's memory has grown by for each client.
func perClientKiB(clients int) func(int, *sample) float64 {
	return func(_ int, s *sample) float64 {
		if s.ProxyPeak == 0 {
			return math.NaN()
		}
		return float64(s.ProxyPeak-s.ProxyBefore) / 1024 / float64(clients)
	}
}
