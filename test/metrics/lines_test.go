package metrics

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestLinesThatAreDropped has an access log that nobody reads until it is full: every line is counted, as written or as dropped.
func TestLinesThatAreDropped(t *testing.T) {
	t.Parallel()
	const requests, room = 10_000, 2 << 20 // of lines that wait, and what a pipe holds
	w := newWorld(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	stack.Check(t, syscall.Mkfifo(pipe, 0o600))
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // opens without a writer
	stack.Check(t, err)
	w.config["access_log"] = map[string]string{"path": pipe}
	_, running, _ := startPlain(t, w)
	c := w.connect()
	frame := rawkafka.Frame(clientID, 1, versioned(rawkafka.APIVersions("", ""), 0))
	for range requests {
		c.SendBytes(frame)
		c.WantAnswer(1)
	}
	sum := func() (written, dropped float64, err error) {
		got, err := running.read()
		return got.numbers["access_log.written"].value, got.numbers["access_log.dropped"].value, err
	}
	stack.Wait(t, "lines to be dropped", func() error {
		written, dropped, err := sum()
		if line := float64(len(`{"time":"2026-05-04T12:00:00.123456Z"`)); err == nil && (dropped == 0 || (requests-dropped)*line > room) {
			err = fmt.Errorf("%v are written and %v dropped", written, dropped)
		}
		return err
	})
	lines := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, reader)
		lines <- err
	}()
	stack.Wait(t, "all lines to be counted", func() error {
		written, dropped, err := sum()
		if err == nil && written+dropped != requests {
			err = fmt.Errorf("%v are written and %v dropped, of %d", written, dropped, requests)
		}
		return err
	})
	stack.Check(t, reader.Close())
	<-lines
}
