package quota

import (
	"testing"
	"time"
)

// charge is one charge, and the wait that it is to come to.
type charge struct {
	at   time.Duration
	n    int64
	want time.Duration
}

func TestBucket(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		rate    int64
		burst   time.Duration
		charges []charge
	}{
		{"no limit", 0, time.Second, []charge{{0, 1 << 50, 0}, {0, 1 << 50, 0}}},
		{"within the burst", 1000, time.Second, []charge{{0, 400, 0}, {0, 600, 0}}},
		{"the whole burst, and one more", 1000, time.Second, []charge{{0, 1000, 0}, {0, 1, ms}}},
		{"a longer burst", 1000, 5 * time.Second, []charge{{0, 5000, 0}, {0, 500, 500 * ms}}},
		{"a debt is paid by time", 1000, time.Second, []charge{{0, 3000, 2 * time.Second}, {time.Second, 0, time.Second}, {2 * time.Second, 0, 0}, {2 * time.Second, 10, 10 * ms}}},
		{"debts add up", 1000, time.Second, []charge{{0, 2000, time.Second}, {0, 1000, 2 * time.Second}, {0, 1000, 3 * time.Second}}},
		{"no more is saved than the burst", 1000, time.Second, []charge{{time.Hour, 1000, 0}, {time.Hour, 500, 500 * ms}}},
		{"one request a second", 1, time.Second, []charge{{0, 1, 0}, {0, 1, time.Second}, {time.Second, 1, time.Second}, {3 * time.Second, 1, 0}}},
		{"no wait is longer than the window", 1, time.Second, []charge{{0, 1 << 40, MaxWait}, {0, 1 << 62, MaxWait}}},
		{"what is beyond the window is forgiven", 1, time.Second, []charge{{0, 1 << 40, MaxWait}, {MaxWait, 0, 0}, {MaxWait, 1, time.Second}}},
		{"a debt too small to wait for stays", 1_000_000, time.Second, []charge{{0, 1_000_000, 0}, {0, 999, 0}, {0, 1, ms}}},
		{"time that goes back adds nothing", 1000, time.Second, []charge{{time.Second, 1500, 500 * ms}, {0, 0, 500 * ms}, {1100 * ms, 0, 400 * ms}}},
		{"less than nothing is nothing", 1000, time.Second, []charge{{0, 1500, 500 * ms}, {0, -5000, 500 * ms}}},
		{"the largest rate", 1 << 50, time.Hour, []charge{{0, 1 << 61, 0}, {0, 1 << 62, MaxWait}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBucket(c.rate, c.burst)
			for i, charge := range c.charges {
				if got := b.take(charge.n, charge.at); got != charge.want {
					t.Errorf("charge %d: take(%d) at %v = %v, want %v", i, charge.n, charge.at, got, charge.want)
				}
			}
		})
	}
}

// Whatever is charged whenever, a wait is from zero to MaxWait, and who keeps it does as much as the rate and the burst allow.
func FuzzBucket(f *testing.F) {
	f.Add(int64(1000), int64(1), int64(500), int64(700))
	f.Add(int64(1), int64(3600), int64(1<<40), int64(0))
	f.Fuzz(func(t *testing.T, rate, burst, n, pause int64) {
		rate, burst = 1+(rate&(1<<40-1)), 1+(burst&0xfff)
		b := newBucket(rate, time.Duration(burst)*time.Second)
		n, at, sum := n&(1<<40-1), time.Duration(0), 0.0
		for range 100 {
			wait := b.take(n, at)
			if wait < 0 || wait > MaxWait {
				t.Fatalf("rate %d, burst %d: take(%d) at %v = %v", rate, burst, n, at, wait)
			}
			sum += float64(n)
			at += wait + time.Duration(pause&0xffff)*time.Microsecond
			debt := float64(rate) * MaxWait.Seconds() // what one charge is held to at most
			if float64(n) <= debt && sum > float64(rate)*(at.Seconds()+float64(burst)+leastWait.Seconds())*1.000001+float64(n) {
				t.Fatalf("rate %d, burst %d, charges of %d: %.0f by %v", rate, burst, n, sum, at)
			}
		}
	})
}

func TestFull(t *testing.T) {
	t.Parallel()
	b := newBucket(1000, 2*time.Second)
	if got := b.full(); got != 0 {
		t.Errorf("full() of a new one = %v, want 0", got)
	}
	b.take(5000, time.Second)
	if got, want := b.full(), 6*time.Second; got != want {
		t.Errorf("full() with a debt of 3 s = %v, want %v", got, want)
	}
}
