package abi

import (
	"fmt"
	"runtime/debug"
)

// A panic that left Go through a hook, or on a goroutine of ours, would end Envoy.

// guard calls fn for a filter and says whether it returned. A panic is the filter's to count.
func guard(f *filter, fn func()) (returned bool) {
	defer caught("the filter that was told of a panic")
	defer func() {
		if reason := recover(); reason != nil {
			f.Panicked(reason, debug.Stack())
		}
	}()
	fn()
	return true
}

// caught stops a panic where no filter is at hand, and logs it. Defer it.
func caught(where string) {
	if reason := recover(); reason != nil {
		Log(Error, fmt.Sprintf("kafka_mesh: panic recovered; please report it in=%q panic=%v stack=%s", where, reason, debug.Stack()))
	}
}
