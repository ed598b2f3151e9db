package abi

/*
#include "config.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Metric is what Envoy needs to know of a metric.
type Metric struct {
	Name  string
	Gauge bool
}

// Config is a configuration that Envoy is loading.
type Config struct{ c *C.km_config }

// Define defines the filter's metrics and gives their numbers, one int64 for each, to be added to atomically, and their marks: who
// adds to number i then sets bit i%64 of marks[i/64], atomically. Call it once. Both are C's memory: they are there until
// Filter.Close has returned.
//
// Workers publish what is marked: they set it to zero with an atomic exchange and tell Envoy the difference, at the end
// of each hook. So what is counted while no client has anything to say appears with the next thing that one does.
func (c *Config) Define(metrics []Metric) (values []int64, marks []uint64, err error) {
	if len(metrics) == 0 {
		return nil, nil, nil
	}
	C.km_config_reserve(c.c, C.size_t(len(metrics)))
	for i, m := range metrics {
		name := (*C.char)(unsafe.Pointer(unsafe.StringData(m.Name))) // Envoy copies it
		result := C.km_config_define(c.c, C.size_t(i), C.bool(m.Gauge), name, C.size_t(len(m.Name)))
		if result != C.envoy_dynamic_module_type_metrics_result_Success {
			return nil, nil, fmt.Errorf("define metric %q: Envoy answered %d", m.Name, result)
		}
	}
	values = unsafe.Slice((*int64)(unsafe.Pointer(c.c.values)), len(metrics))
	marks = unsafe.Slice((*uint64)(unsafe.Pointer(c.c.marks)), (len(metrics)+63)/64)
	return values, marks, nil
}
