package broker

import (
	"slices"
	"sync"
	"testing"
)

// What is added is done in its order, and no more at a time than may be, whoever ends it.
func TestSeries(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 1, 3} {
		s := series{width: width}
		var order []int
		var ends []func()
		for i := range 10 {
			s.add(nil, func(done func()) {
				order = append(order, i)
				if i%2 == 0 {
					done() // at once
					return
				}
				ends = append(ends, done)
			})
		}
		for len(ends) > 0 {
			if len(ends) > max(width, 1) {
				t.Errorf("width %d: %d at a time", width, len(ends))
			}
			end := ends[0]
			ends = ends[1:]
			end()
		}
		if !slices.IsSorted(order) || len(order) != 10 {
			t.Errorf("width %d: done in the order %v, want all ten in theirs", width, order)
		}
	}
}

// TestSeriesIsFlat has so much done at once that it would overflow a stack if each began the next.
func TestSeriesIsFlat(t *testing.T) {
	t.Parallel()
	var s series
	var first func()
	s.add(nil, func(done func()) { first = done })
	count := 0
	for range 1_000_000 {
		s.add(nil, func(done func()) {
			count++
			done()
		})
	}
	first()
	if count != 1_000_000 {
		t.Errorf("%d done, want all", count)
	}
}

// answers counts what a request is answered.
type answers struct {
	Reply

	violations int
}

// Answer implements Reply.
func (a *answers) Answer(said Answer) {
	if said.Violation != nil {
		a.violations++
	}
}

// What meets a bug when it has its turn is answered, and what comes behind goes on, whether it has said that it is over or not.
func TestSeriesAfterABug(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		ends, later bool // it is over before it panics, and says so once more later
	}{{"before its end", false, false}, {"before its end, which comes later", false, true}, {"after its end", true, false}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var s series
			var first, end func()
			s.add(nil, func(done func()) { first = done })
			request := &answers{}
			s.add(request, func(done func()) {
				if end = done; tc.ends {
					done()
				}
				panic("a bug")
			})
			var began []int
			for i := range 2 {
				s.add(nil, func(func()) { began = append(began, i) })
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("nobody hears of the bug")
					}
				}()
				first()
			}()
			if tc.later {
				end()
			}
			if request.violations != 1 || !slices.Equal(began, []int{0}) {
				t.Errorf("%d violations, and %v began behind it; want one of each, the first", request.violations, began)
			}
		})
	}
}

func TestHammerSeries(t *testing.T) {
	t.Parallel()
	const adders, each = 8, 500
	var s series
	var mu sync.Mutex
	done, at := make([]int, adders), 0
	var all sync.WaitGroup
	all.Add(adders * each)
	for a := range adders {
		go func() {
			for i := range each {
				s.add(nil, func(end func()) {
					mu.Lock()
					if at++; at > 1 {
						t.Errorf("%d at a time", at)
					}
					if done[a] != i {
						t.Errorf("adder %d: %d is done where %d was to come", a, i, done[a])
					}
					done[a]++
					mu.Unlock()
					finish := func() {
						mu.Lock()
						at--
						mu.Unlock()
						end()
						all.Done()
					}
					if i%3 == 0 {
						go finish()
						return
					}
					finish()
				})
			}
		}()
	}
	all.Wait()
}
