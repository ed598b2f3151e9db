package abi

/*
#include "config.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Kind is what a metric is to Envoy.
type Kind uint8

// The kinds of metric.
const (
	Counter Kind = C.km_counter
	Gauge   Kind = C.km_gauge
	// SetGauge is a gauge that is set: if several configurations have it, what they say does not add up.
	SetGauge  Kind = C.km_level
	Histogram Kind = C.km_histogram
)

// NoSample is for a number of a histogram that is not to be recorded.
const NoSample int64 = -1

// Metric is what Envoy needs to know of a metric.
type Metric struct {
	Name string
	Kind Kind
	// Samples are, for a histogram, what is recorded for each one that its numbers count, by number. The others have one number.
	Samples []int64
}

// numbers is how many numbers the metric has.
func (m *Metric) numbers() int {
	if m.Kind == Histogram {
		return len(m.Samples)
	}
	return 1
}

// Config is a configuration that Envoy is loading.
type Config struct{ c *C.km_config }

// Memory is where a filter counts. It is C's: it is there until Filter.Close has returned.
type Memory struct {
	// Numbers are those of the metrics, one behind the other. They are totals, and added to atomically.
	Numbers []int64
	// Marks say which numbers have changed: who adds to number i then sets bit i%64 of Marks[i/64], atomically.
	Marks []uint64
	// Groups say which of the marks are set: who sets the first one of Marks[w] then sets bit w%64 of Groups[w/64], atomically.
	Groups []uint64
}

// Define defines the filter's metrics. Call it once.
//
// What is marked is published: Envoy is told what has come to a number since it was last looked at. Workers do so at the end of each hook,
// and from Envoy 1.39 on the main thread does every second, whether there is a client or not.
func (c *Config) Define(metrics []Metric) (Memory, error) {
	count := 0
	for i := range metrics {
		count += metrics[i].numbers()
	}
	if count == 0 {
		return Memory{}, nil
	}
	m := &c.c.metrics
	C.km_metrics_reserve(m, C.size_t(count))
	at := 0
	for i := range metrics {
		if err := c.define(&metrics[i], at); err != nil {
			return Memory{}, err
		}
		at += metrics[i].numbers()
	}
	marks := words(count)
	return Memory{
		unsafe.Slice((*int64)(unsafe.Pointer(m.numbers)), count), unsafe.Slice((*uint64)(unsafe.Pointer(m.marks)), marks),
		unsafe.Slice((*uint64)(unsafe.Pointer(m.groups)), words(marks)),
	}, nil
}

// words is how many words have so many bits.
func words(bits int) int { return (bits + 63) / 64 }

// define defines one metric, whose numbers begin with number at.
func (c *Config) define(m *Metric, at int) error {
	name := (*C.char)(unsafe.Pointer(unsafe.StringData(m.Name))) // Envoy copies it
	result := C.km_metrics_define(
		&c.c.metrics, c.c.envoy, C.size_t(at), C.size_t(m.numbers()), C.km_kind(m.Kind), name, C.size_t(len(m.Name)))
	if result != C.envoy_dynamic_module_type_metrics_result_Success {
		return fmt.Errorf("define metric %q: Envoy answered %d", m.Name, result)
	}
	of := unsafe.Slice(c.c.metrics.of, int(c.c.metrics.count))
	for i, sample := range m.Samples {
		of[at+i].sample = C.int64_t(sample)
	}
	return nil
}
