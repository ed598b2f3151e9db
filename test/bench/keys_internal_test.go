package main

import (
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// testOutcome has three rounds of latencies on each way.
func testOutcome() *outcome {
	latencies := func(way string, p50, p99 []float64) wayOutcome {
		w := wayOutcome{Name: way}
		for i := range p50 {
			w.Samples = append(w.Samples, sample{Result: load.Result{P50: p50[i], P99: p99[i]}})
		}
		return w
	}
	return &outcome{Ways: []wayOutcome{
		latencies(directWay, []float64{100, 200, 300}, []float64{1000, 2000, 3000}),
		latencies(tcpProxyWay, []float64{120, 190, 320}, []float64{2000, 2000, 6000}),
		latencies(envoyWay, []float64{140, 260, 340}, []float64{3000, 2000, 3000}),
	}}
}

// What is added is compared by medians: in one round of three tcp_proxy is faster than nothing.
func TestAddedToTCP(t *testing.T) {
	t.Parallel()
	if got := addedToTCP(testOutcome(), envoyWay).full(2); got != "2.00" {
		t.Errorf("added p50 ÷ tcp_proxy's = %s, want 2.00", got)
	}
	if got := addedToTCP(testOutcome(), standaloneWay).full(2); got != "–" {
		t.Errorf("of a way that was not measured: %s", got)
	}
	without := testOutcome()
	without.Ways = slices.Delete(without.Ways, 1, 2)
	if got := addedToTCP(without, envoyWay).full(2); got != "–" {
		t.Errorf("without tcp_proxy: %s", got)
	}
}

// A ratio is between two figures of the same round.
func TestAgainst(t *testing.T) {
	t.Parallel()
	if got := p99ToTCP(testOutcome(), envoyWay).full(2); got != "1.00 [0.50–1.50]" {
		t.Errorf("p99 ÷ tcp_proxy's = %s, want 1.00 [0.50–1.50]", got)
	}
	if got := p99ToDirect(testOutcome(), envoyWay).full(2); got != "1.00 [1.00–3.00]" {
		t.Errorf("p99 ÷ direct = %s, want 1.00 [1.00–3.00]", got)
	}
}
