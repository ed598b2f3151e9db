package follower_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFollower has a file be taken once for each change, and what cannot be taken told once.
func TestFollower(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	synctest.Test(t, func(t *testing.T) {
		var reports []follower.Report
		taken := 0
		f := follower.Follower{
			Name: "test", Panics: &guard.Panics{}, File: follower.File{Path: path},
			Teller:  &follower.Teller{Subject: "numbers", Tell: func(r follower.Report) { reports = append(reports, r) }},
			Warning: func(fs.FileMode) string { return "" },
			Take: func(content []byte) (int, error) {
				taken++
				if string(content) == "panic" {
					panic("a bug")
				}
				return strconv.Atoi(string(content))
			},
		}
		pass := func() {
			bubble.Advance(3 * time.Second)
			synctest.Wait()
		}
		f.Resume()
		pass()
		for i, tt := range []struct {
			text           string
			count, reports int
			wrong          bool
		}{{"1", 1, 1, false}, {"22", 22, 2, false}, {"no", 22, 3, true}, {"no", 22, 3, true}, {"panic", 22, 4, true}, {"333", 333, 5, false}} {
			if tt.text != "1" {
				write(tt.text)
			}
			pass()
			last := reports[len(reports)-1]
			if len(reports) != tt.reports || last.Count != tt.count || (last.Err != nil) != tt.wrong {
				t.Errorf("%d: %d reports, the last %+v; want %d, %d", i, len(reports), last, tt.reports, tt.count)
			}
		}
		f.Rest()
		before := taken
		write("4444")
		pass()
		if taken != before {
			t.Error("it is taken while nobody follows it")
		}
		f.Resume()
		pass()
		f.Close()
		f.Resume()
		if last := reports[len(reports)-1]; last.Count != 4444 {
			t.Errorf("the last report is %+v", last)
		}
	})
}

// TestMissing tells what is wrong with the file itself.
func TestMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none"), dir} {
		f := follower.Follower{File: follower.File{Path: path}, Teller: &follower.Teller{}}
		if err := f.Read(); err == nil {
			t.Errorf("Read of %s: no error", path)
		}
	}
}

// TestHammerLoop has a goroutine begin and end while others want it to.
func TestHammerLoop(t *testing.T) {
	t.Parallel()
	var loop follower.Loop
	var running, most atomic.Int64
	run := func(life context.Context) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-life.Done()
		running.Add(-1)
	}
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 200 {
				loop.Begin(&guard.Panics{}, "test", run)
				loop.Rest()
			}
		})
	}
	work.Wait()
	loop.Close()
	loop.Begin(&guard.Panics{}, "test", func(context.Context) { t.Error("it begins after Close") })
	if most.Load() > 1 || running.Load() != 0 {
		t.Errorf("%d at once, %d at the end", most.Load(), running.Load())
	}
}

// TestHammerTeller has many tell at once, each of something else.
func TestHammerTeller(t *testing.T) {
	t.Parallel()
	var told atomic.Int64
	teller := &follower.Teller{Tell: func(follower.Report) { told.Add(1) }}
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range 100 {
				teller.Taken(i, strconv.Itoa(n))
				teller.Broken(errors.New(strconv.Itoa(i)))
				teller.Warn(strconv.Itoa(n + 1))
				_ = teller.Last()
			}
		})
	}
	work.Wait()
	if told.Load() < 800 {
		t.Errorf("told %d times, want each that was taken at least", told.Load())
	}
}
