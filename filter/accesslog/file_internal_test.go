package accesslog

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTornLine has the reader of a full pipe go in the middle of a line: the next line is whole.
func TestTornLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	first := openPipe(t, path)
	f := &file{path: path, log: slog.New(slog.DiscardHandler)}
	if err := f.renew(); err != nil {
		t.Fatal(err)
	}
	const many = 100
	long := strings.Repeat("x", 4098) + "\n" // a pipe takes what it takes in pieces of other lengths
	written := make(chan int)
	go func() { written <- f.write([]byte(strings.Repeat(long, many))) }()
	if _, err := io.ReadFull(first, make([]byte, len(long))); err != nil { // so it has begun to write
		t.Fatal(err)
	}
	first.Close()
	if n := <-written; n == 0 || n >= many {
		t.Errorf("%d lines are written, want some of %d", n, many)
	}
	second := openPipe(t, path)
	go func() { written <- f.write([]byte("whole\n")) }()
	got, buffer := []byte{}, make([]byte, 1<<16)
	for !bytes.HasSuffix(got, []byte("e\n")) {
		n, err := second.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buffer[:n]...)
	}
	if n := <-written; n != 1 || !bytes.HasSuffix(got, []byte("x\nwhole\n")) {
		t.Errorf("%d lines are written, and the pipe ends with %q, want a line of its own", n, got[len(got)-20:])
	}
	f.close()
	if _, err := second.Read(buffer); !errors.Is(err, io.EOF) {
		t.Errorf("the pipe is still open: %v", err)
	}
}

func openPipe(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
