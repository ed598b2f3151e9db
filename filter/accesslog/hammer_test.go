package accesslog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
)

// TestHammer has many goroutines write to logs of one file while configurations come and go and the file is rotated.
func TestHammer(t *testing.T) {
	t.Parallel()
	const writers, each, configurations = 4, 500, 5
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	ws := new(accesslog.Writers)
	c := newCounted()
	stop := make(chan struct{})
	var rotating, writing sync.WaitGroup
	rotating.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				os.Rename(path, fmt.Sprintf("%s.%d", path, i))
			}
		}
	})
	for range configurations {
		l := openLog(t, ws, path, c)
		writing.Go(func() {
			var using sync.WaitGroup
			for range writers {
				using.Go(func() {
					for i := range each {
						if l.Chooses(false, 0) {
							l.Write(numbered(i))
						}
					}
				})
			}
			using.Wait()
			l.Close()
			l.Write(numbered(0))
		})
	}
	writing.Wait()
	close(stop)
	rotating.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, file := range files {
		total += len(ids(t, content(t, file)))
	}
	if want := writers * each * configurations; int64(total) != c.written() || c.written()+c.dropped() != int64(want) {
		t.Errorf("%d lines in %d files, written %d, dropped %d, want %d", total, len(files), c.written(), c.dropped(), want)
	}
}

// BenchmarkWrite is what a request costs that is told of, for who has it answered.
func BenchmarkWrite(b *testing.B) {
	for _, path := range []string{"/dev/null", filepath.Join(b.TempDir(), "access.log")} {
		b.Run(filepath.Base(path), func(b *testing.B) {
			c := newCounted()
			l, err := new(accesslog.Writers).Open(path, c.Options, discard())
			if err != nil {
				b.Fatal(err)
			}
			e := full()
			b.ReportAllocs()
			for b.Loop() {
				l.Write(e)
			}
			l.Close()
			b.ReportMetric(float64(c.dropped())/float64(b.N), "dropped/op")
		})
	}
}
