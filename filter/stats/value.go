package stats

import (
	"sync"
	"sync/atomic"
)

// wordBits is how many numbers share a word of marks, and how many of those share a word of groups.
const wordBits = 64

// binding is where the numbers of one metric are, in memory that a host may have lent.
type binding struct {
	numbers []int64
	memory  *Memory // of all metrics
	at      int     // the first number's place among all
}

// value is the number in a place of the metric.
func (b binding) value(i int) Value {
	v := Value{n: &b.numbers[i]}
	if b.memory.Marks != nil {
		word := (b.at + i) / wordBits
		v.mark, v.bit = &b.memory.Marks[word], uint8((b.at+i)%wordBits)
		v.group, v.groupBit = &b.memory.Groups[word/wordBits], uint8(word%wordBits)
	}
	return v
}

// join has a field count there: a *Value, *Level or *Distribution.
func (b binding) join(field any) {
	switch f := field.(type) {
	case *Value:
		*f = b.value(0)
	case *Level:
		*f = Level{&level{Value: b.value(0)}}
	case *Distribution:
		*f = Distribution{&b}
	}
}

// Value is one metric of one Set. Keep it where it is used, so that counting needs no look-up.
//
// The zero Value drops what is added. Any goroutine may call Add.
type Value struct {
	n             *int64
	mark, group   *uint64 // see Memory; nil: nobody wants to know
	bit, groupBit uint8
}

// Add adds n, which is negative only for a gauge.
func (v Value) Add(n int64) {
	if v.n == nil {
		return
	}
	atomic.AddInt64(v.n, n)
	if v.mark == nil {
		return
	}
	// After the addition: who takes the mark away looks at n after that. It is mostly there, and looking disturbs nobody.
	bit := uint64(1) << (v.bit % wordBits)
	if atomic.LoadUint64(v.mark)&bit == 0 && atomic.OrUint64(v.mark, bit) == 0 {
		atomic.OrUint64(v.group, uint64(1)<<(v.groupBit%wordBits))
	}
}

// Load is what was added up.
func (v Value) Load() int64 {
	if v.n == nil {
		return 0
	}
	return atomic.LoadInt64(v.n)
}

// Level is a gauge that is set. The zero Level drops what it is set to. Any goroutine may use it.
type Level struct{ at *level }

// level is where a Level is; the mutex makes a change of two one.
type level struct {
	Value

	mu sync.Mutex
}

// Set makes the gauge n.
func (l Level) Set(n int64) {
	if l.at == nil {
		return
	}
	l.at.mu.Lock()
	defer l.at.mu.Unlock()
	if now := l.at.Load(); now != n {
		l.at.Add(n - now)
	}
}
