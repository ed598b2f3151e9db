package login_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

var noon = time.Unix(1e9, 0)

// fail has a source fail so often, at one time, and returns the last delay.
func fail(l *login.Limiter, from string, times int, now time.Time) (delay time.Duration) {
	var address netip.Addr
	if from != "" {
		address = netip.MustParseAddr(from)
	}
	for range times {
		delay = l.Failed(address, now)
	}
	return delay
}

// One source is slowed down more and more, and others are not; what it did is forgotten in a few minutes.
func TestLimiterBySource(t *testing.T) {
	t.Parallel()
	l := login.NewLimiter(login.LimiterSettings{})
	var delays []time.Duration
	for range 13 {
		delays = append(delays, fail(l, "10.0.0.1", 1, noon)/time.Millisecond)
	}
	if diff := cmp.Diff([]time.Duration{100, 100, 100, 100, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000}, delays); diff != "" {
		t.Error(diff)
	}
	fail(l, "10.0.0.1", 50, noon)
	for _, tt := range []struct {
		name, from string
		after      time.Duration
		want       time.Duration
	}{
		{"another", "10.0.0.2", 0, 100 * time.Millisecond},
		{"it", "10.0.0.1", 0, 5 * time.Second},
		{"it by IPv6", "::ffff:10.0.0.1", 0, 5 * time.Second},
		{"it, later", "10.0.0.1", 90 * time.Second, 400 * time.Millisecond},
		{"it, much later", "10.0.0.1", 5 * time.Minute, 100 * time.Millisecond},
		{"it, when the clock is set back", "10.0.0.1", -time.Hour, 100 * time.Millisecond},
	} {
		if got := fail(l, tt.from, 1, noon.Add(tt.after)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A client with IPv6 has 64 bits of addresses.
func TestLimiterOfIPv6(t *testing.T) {
	t.Parallel()
	l := login.NewLimiter(login.LimiterSettings{})
	for i := range 20 {
		fail(l, fmt.Sprintf("2001:db8::%x%%eth0", i), 1, noon)
	}
	if got := fail(l, "2001:db8::ffff:1", 1, noon); got != login.DefaultMaxDelay {
		t.Errorf("its neighbour: %v", got)
	}
	if got := fail(l, "2001:db8:0:1::1", 1, noon); got != login.DefaultDelay {
		t.Errorf("another: %v", got)
	}
}

// When many fail, from wherever, all who fail are slowed down.
func TestLimiterOfAWorker(t *testing.T) {
	t.Parallel()
	l := login.NewLimiter(login.LimiterSettings{})
	for i := range 100 {
		if got := fail(l, fmt.Sprintf("10.0.1.%d", i), 1, noon); got != login.DefaultDelay {
			t.Fatalf("failure %d: %v", i, got)
		}
	}
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000} {
		if got := fail(l, "", 49, noon); got != want*time.Millisecond {
			t.Errorf("failures %d: %v, want %v", 150+50*i, got, want*time.Millisecond)
		}
		fail(l, fmt.Sprintf("10.0.2.%d", i), 1, noon)
	}
	if got := fail(l, "10.0.3.1", 1, noon.Add(time.Minute)); got != login.DefaultDelay {
		t.Errorf("a minute later: %v", got)
	}
}

func TestLimiterSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings    login.LimiterSettings
		first, last time.Duration
	}{
		{login.LimiterSettings{}, 100 * time.Millisecond, 5 * time.Second},
		{login.LimiterSettings{Delay: time.Second}, time.Second, 5 * time.Second},
		{login.LimiterSettings{Delay: 10 * time.Second}, 10 * time.Second, 10 * time.Second},
		{login.LimiterSettings{MaxDelay: 300 * time.Millisecond}, 100 * time.Millisecond, 300 * time.Millisecond},
		{login.LimiterSettings{MaxDelay: time.Millisecond}, time.Millisecond, time.Millisecond},
	} {
		l := login.NewLimiter(tt.settings)
		if got := fail(l, "10.0.0.1", 1, noon); got != tt.first {
			t.Errorf("%+v: at first %v, want %v", tt.settings, got, tt.first)
		}
		if got := fail(l, "10.0.0.1", 100, noon); got != tt.last {
			t.Errorf("%+v: at last %v, want %v", tt.settings, got, tt.last)
		}
	}
}

// However many addresses fail, who fails most is not forgotten, and no more memory is used than at first.
func TestLimiterIsBounded(t *testing.T) { //nolint:paralleltest // it counts allocations
	l := login.NewLimiter(login.LimiterSettings{})
	fail(l, "10.0.0.1", 30, noon)
	later := noon
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}) }
	allocations := testing.AllocsPerRun(1, func() {
		for i := range 100_000 {
			l.Failed(address(i), later)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
	if got := fail(l, "10.0.0.1", 1, later.Add(10*time.Second)); got != login.DefaultMaxDelay {
		t.Errorf("who failed most: %v", got)
	}
}

func TestHammerLimiter(t *testing.T) {
	t.Parallel()
	l := login.NewLimiter(login.LimiterSettings{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				fail(l, fmt.Sprintf("10.0.0.%d", i%100), 1, noon)
			}
		})
	}
	all.Wait()
	if got := fail(l, "10.0.0.1", 1, noon); got != login.DefaultMaxDelay {
		t.Errorf("after all: %v", got)
	}
}
