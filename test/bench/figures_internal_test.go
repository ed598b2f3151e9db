package main

import (
	"math"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

func TestOver(t *testing.T) {
	t.Parallel()
	values := func(v ...float64) (samples []sample) {
		for _, p := range v {
			samples = append(samples, sample{Result: load.Result{P50: p}})
		}
		return samples
	}
	for _, tt := range []struct {
		name    string
		samples []sample
		full    string
	}{
		{"several", values(3, 1, 2), "2.0 [1.0–3.0]"},
		{"one", values(5), "5.0 [5.0–5.0]"},
		{"one was not measured", values(0, 4), "4.0 [4.0–4.0]"},
		{"none", nil, "–"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := over(tt.samples, p50).full(1); got != tt.full {
				t.Errorf("over = %s, want %s", got, tt.full)
			}
		})
	}
}

func TestIdleFigures(t *testing.T) {
	t.Parallel()
	i := &idleness{
		Few: memory{Clients: 1000, Resident: 50 << 20, Heap: 10 << 20}, Many: memory{Clients: 5000, Resident: 90 << 20, Heap: 30 << 20},
		Seconds: 20, CPU: 0.5, Sleeps: 300,
	}
	for _, tt := range []struct {
		name   string
		figure func(*idleness) float64
		want   float64
	}{
		{"resident, KiB a client", residentKiB, 10.24},
		{"heap, KiB a client", heapKiB, 5.12},
		{"resident, MiB", residentMiB, 90},
		{"CPU seconds a minute", cpuAMinute, 1.5},
		{"wake-ups a second", sleepsASecond, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.figure(i); math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		})
	}
	without := *i
	without.Few.Heap, without.Many.Heap = 0, 0
	if got := heapKiB(&without); !math.IsNaN(got) {
		t.Errorf("the heap of a way without profiles: %v KiB a client", got)
	}
	if got := over([]sample{{}}, ofIdle(residentKiB)).text(1); got != "–" {
		t.Errorf("idle clients that were not measured: %s", got)
	}
}
