package cork_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
)

func TestCork(t *testing.T) {
	t.Parallel()
	var c cork.Cork
	var flushed []string
	item := func(name string) *cork.Item { return &cork.Item{Flush: func() { flushed = append(flushed, name) }} }
	want := func(when, names string) {
		t.Helper()
		if diff := cmp.Diff(strings.Fields(names), flushed, cmp.Transformer("", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
			t.Errorf("%s: flushed (-want +got):\n%s", when, diff)
		}
		flushed = nil
	}
	a, b := item("a"), item("b")
	c.Flush(a)
	want("not held", "a")
	c.Hold()
	c.Flush(a)
	c.Flush(b)
	c.Flush(a)
	want("held", "")
	c.Hold()
	c.Release()
	want("one hold released", "a b")
	c.Flush(b)
	want("the other still held", "")
	c.Release()
	want("both released", "b")
	c.Flush(b)
	want("not held any more", "b")
	c.Begin()
	c.Hold()
	c.Flush(a)
	c.Flush(b)
	c.Release()
	c.Flush(a)
	want("in an iteration, whatever is released", "")
	c.Hold()
	c.End()
	want("the iteration's end", "a b")
	c.Flush(a)
	c.Release()
	want("the hold that outlives the iteration", "a")
}

// TestFlushThatFlushes has an item ask for another, as the answer to one client has the next request of another sent.
func TestFlushThatFlushes(t *testing.T) {
	t.Parallel()
	var c cork.Cork
	order := ""
	second := &cork.Item{Flush: func() { order += "2" }}
	first := &cork.Item{Flush: func() {
		order += "1"
		c.Hold()
		c.Flush(second)
		c.Release()
	}}
	c.Hold()
	c.Flush(first)
	c.Release()
	if order != "12" {
		t.Errorf("order %s, want 12", order)
	}
}

// TestHammer has many goroutines hold, flush and release: whatever was asked for is flushed afterwards.
func TestHammer(t *testing.T) {
	t.Parallel()
	const goroutines, rounds = 8, 2000
	var c cork.Cork
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			var due, done atomic.Int64
			i := &cork.Item{}
			i.Flush = func() { done.Store(due.Load()) }
			for n := range rounds {
				c.Hold()
				due.Add(1)
				c.Flush(i)
				c.Release()
				if n%3 == 0 {
					due.Add(1)
					c.Flush(i)
				}
			}
			c.Hold() // somebody else's Release may have taken the item just before, and flush it just now
			c.Flush(i)
			c.Release()
			for done.Load() != due.Load() {
				c.Hold()
				c.Release()
			}
		})
	}
	wg.Wait()
}
