package stats

import "sync/atomic"

// Value is one metric of one Set. Keep it where it is used, so that counting needs no look-up.
//
// The zero Value drops what is added. Any goroutine may call Add.
type Value struct {
	n *int64 // in the memory that the host lent to New
}

// Add adds n, which is negative only for a gauge.
func (v Value) Add(n int64) {
	if v.n != nil {
		atomic.AddInt64(v.n, n)
	}
}
