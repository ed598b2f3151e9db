package stats

import "sync/atomic"

// Value is one metric of one Set. Keep it where it is used, so that counting needs no look-up.
//
// The zero Value drops what is added. Any goroutine may call Add.
type Value struct {
	n    *int64  // in the memory that the host lent
	mark *uint64 // in it, too: has bit set when n has changed; nil: nobody wants to know
	bit  uint64
}

// Add adds n, which is negative only for a gauge.
func (v Value) Add(n int64) {
	if v.n == nil {
		return
	}
	atomic.AddInt64(v.n, n)
	// After the addition: who takes the mark away looks at n after that. It is mostly there, and looking disturbs nobody.
	if v.mark != nil && atomic.LoadUint64(v.mark)&v.bit == 0 {
		atomic.OrUint64(v.mark, v.bit)
	}
}
