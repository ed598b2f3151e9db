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
	Counter   Kind = C.km_counter
	Gauge     Kind = C.km_gauge
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

// Define defines the filter's metrics and gives their numbers, one behind the other, to be added to atomically, and their marks: who
// adds to number i then sets bit i%64 of marks[i/64], atomically. Call it once. Both are C's memory: they are there until
// Filter.Close has returned.
//
// Workers publish what is marked: they tell Envoy what has come to a number since they last looked, at the end
// of each hook. So what is counted while no client has anything to say appears with the next thing that one does.
func (c *Config) Define(metrics []Metric) (numbers []int64, marks []uint64, err error) {
	count := 0
	for i := range metrics {
		count += metrics[i].numbers()
	}
	if count == 0 {
		return nil, nil, nil
	}
	C.km_config_reserve(c.c, C.size_t(count))
	at := 0
	for i := range metrics {
		if err := c.define(&metrics[i], at); err != nil {
			return nil, nil, err
		}
		at += metrics[i].numbers()
	}
	numbers = unsafe.Slice((*int64)(unsafe.Pointer(c.c.numbers)), count)
	marks = unsafe.Slice((*uint64)(unsafe.Pointer(c.c.marks)), (count+63)/64)
	return numbers, marks, nil
}

// define defines one metric, whose numbers begin with number at.
func (c *Config) define(m *Metric, at int) error {
	name := (*C.char)(unsafe.Pointer(unsafe.StringData(m.Name))) // Envoy copies it
	result := C.km_config_define(c.c, C.size_t(at), C.size_t(m.numbers()), C.km_kind(m.Kind), name, C.size_t(len(m.Name)))
	if result != C.envoy_dynamic_module_type_metrics_result_Success {
		return fmt.Errorf("define metric %q: Envoy answered %d", m.Name, result)
	}
	for i, sample := range m.Samples {
		C.km_config_sample(c.c, C.size_t(at+i), C.int64_t(sample))
	}
	return nil
}
