package accesslog_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted are the metrics of a log.
type counted struct{ accesslog.Options }

func newCounted() *counted {
	s := statstest.New()
	return &counted{accesslog.Options{Choice: accesslog.Choice{Share: 1}, Written: s.AccessLogWritten, Dropped: s.AccessLogDropped}}
}

func (c *counted) written() int64 { return c.Written.Load() }
func (c *counted) dropped() int64 { return c.Dropped.Load() }

func (c *counted) want(t *testing.T, written int64) {
	t.Helper()
	if c.written() != written || c.dropped() != 0 {
		t.Errorf("written %d, dropped %d, want %d and 0", c.written(), c.dropped(), written)
	}
}

// until waits for what must come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openLog(t *testing.T, ws *accesslog.Writers, path string, c *counted) *accesslog.Log {
	t.Helper()
	l, err := ws.Open(path, c.Options, discard())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// numbered is an entry that is told from others.
func numbered(n int) *accesslog.Entry {
	return &accesslog.Entry{Time: noon, ClientID: fmt.Sprint("client-", n), API: "Produce", Topics: []string{"orders"}}
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// ids are the client ids of whole lines.
func ids(t *testing.T, text string) (list []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var entry struct {
			ClientID string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || !strings.HasSuffix(line, "\n") {
			t.Errorf("line %q: %v", line, err)
		}
		list = append(list, entry.ClientID)
	}
	return list
}

func TestOff(t *testing.T) {
	t.Parallel()
	var l *accesslog.Log
	if l.Chooses(true, time.Hour) {
		t.Error("a log that is off chooses something")
	}
	l.Close()
}

// TestWrites wants lines in the file, in order, behind what was there.
func TestWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte("{\"client_id\":\"earlier\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCounted()
	l := openLog(t, new(accesslog.Writers), path, c)
	l.Write(numbered(1))
	until(t, "the first line alone", func() bool { return c.written() == 1 })
	l.Write(numbered(2))
	l.Write(numbered(3))
	l.Close()
	if diff := cmp.Diff([]string{"earlier", "client-1", "client-2", "client-3"}, ids(t, content(t, path))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	l.Write(numbered(4))
	c.want(t, 3)
}

// TestIsMadeWithTheFirstLine leaves no file behind where somebody only looks whether a configuration is good.
func TestIsMadeWithTheFirstLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	c := newCounted()
	l := openLog(t, new(accesslog.Writers), path, c)
	l.Flush()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file already: %v", err)
	}
	l.Write(numbered(1))
	l.Flush()
	c.want(t, 1)
	if got := ids(t, content(t, path)); len(got) != 1 {
		t.Errorf("lines are of %v", got)
	}
	l.Close()
}

// TestSharesTheWriter has logs of one file come and go, as when a listener is updated.
func TestSharesTheWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	ws := new(accesslog.Writers)
	first, second, third := newCounted(), newCounted(), newCounted()
	before := openLog(t, ws, path, first)
	after := openLog(t, ws, dir+"//access.log", second)
	before.Write(numbered(1))
	after.Write(numbered(2))
	before.Close()
	first.want(t, 1)
	after.Write(numbered(3))
	after.Close()
	second.want(t, 2)
	again := openLog(t, ws, path, third)
	again.Write(numbered(4))
	again.Close()
	third.want(t, 1)
	if got := ids(t, content(t, path)); len(got) != 4 || got[3] != "client-4" {
		t.Errorf("lines are of %v", got)
	}
}

// TestRotation renames and removes the file: what comes later is in a new one.
func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	c := newCounted()
	l := openLog(t, new(accesslog.Writers), path, c)
	write := func(n int64) {
		l.Write(numbered(int(n)))
		until(t, "a line", func() bool { return c.written() == n })
	}
	write(1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(3)
	if err := os.Truncate(path, 0); err != nil { // logrotate's copytruncate
		t.Fatal(err)
	}
	write(4)
	l.Close()
	for file, want := range map[string]string{path + ".1": "client-1", path: "client-4"} {
		if got := ids(t, content(t, file)); len(got) != 1 || got[0] != want {
			t.Errorf("%s has lines of %v, want %s", file, got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("the new file may be read by others: %v, %v", info.Mode(), err)
	}
	c.want(t, 4)
}

// TestCannotBeOpenedAgain keeps the file that is open when its folder is gone.
func TestCannotBeOpenedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := newCounted()
	l := openLog(t, new(accesslog.Writers), filepath.Join(dir, "access.log"), c)
	l.Write(numbered(1))
	until(t, "a line", func() bool { return c.written() == 1 })
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	l.Write(numbered(2))
	l.Close()
	if got := ids(t, content(t, filepath.Join(dir+".moved", "access.log"))); len(got) != 2 {
		t.Errorf("lines are of %v, want two", got)
	}
	c.want(t, 2)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing", "access.log"), filepath.Join(dir, "socket")} {
		if strings.HasSuffix(path, "socket") {
			if err := syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := new(accesslog.Writers).Open(path, accesslog.Options{}, discard()); err == nil {
			t.Errorf("%s is opened", path)
		}
	}
}

func fifo(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reader reads a pipe: nothing at first, so that it fills.
func reader(t *testing.T, fifo string) *os.File {
	t.Helper()
	f, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestSlowFile has a pipe that nobody empties: whoever writes does not wait, and what finds no room is counted.
func TestSlowFile(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	r := reader(t, path)
	c := newCounted()
	l := openLog(t, new(accesslog.Writers), path, c)
	const n = 50_000 // some 9 MB, where a pipe holds 64 KiB and 2 MiB wait at most
	for i := range n {
		l.Write(numbered(i))
	}
	if c.dropped() < n/2 {
		t.Errorf("dropped %d of %d", c.dropped(), n)
	}
	l.Close() // gives up
	if c.written()+c.dropped() != n || c.written() > n/50 {
		t.Errorf("written %d and dropped %d of %d", c.written(), c.dropped(), n)
	}
	got, err := io.ReadAll(r)
	whole := bytes.Count(got, []byte("\n"))
	if err != nil || int64(whole) != c.written() {
		t.Errorf("%d lines are in the pipe, want %d: %v", whole, c.written(), err)
	}
}

// TestReaderOfAPipeComesAndGoes drops lines while nobody reads, says so once, and begins with a whole line for the next.
func TestReaderOfAPipeComesAndGoes(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	var said bytes.Buffer
	c := newCounted()
	l, err := new(accesslog.Writers).Open(path, c.Options, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		l.Write(numbered(int(i)))
		until(t, "a line is dropped", func() bool { return c.dropped() == i+1 })
	}
	r := reader(t, path)
	l.Write(numbered(3))
	until(t, "a line is written", func() bool { return c.written() == 1 })
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || ids(t, line)[0] != "client-3" {
		t.Errorf("read %q, %v", line, err)
	}
	r.Close()
	l.Write(numbered(4))
	until(t, "a line is dropped", func() bool { return c.dropped() == 4 })
	again := reader(t, path)
	l.Write(numbered(5))
	until(t, "a line is written", func() bool { return c.written() == 2 })
	if line, err = bufio.NewReader(again).ReadString('\n'); err != nil || ids(t, line)[0] != "client-5" {
		t.Errorf("read %q, %v", line, err)
	}
	l.Close()
	if text := said.String(); strings.Count(text, "cannot be written") != 1 || strings.Count(text, "written again") != 1 {
		t.Errorf("log:\n%s", text)
	}
}

// TestStandardError writes to the process's own.
func TestStandardError(t *testing.T) {
	t.Parallel()
	c := newCounted()
	ws := new(accesslog.Writers)
	l := openLog(t, ws, "/dev/stderr", c)
	l.Write(numbered(1))
	l.Close()
	c.want(t, 1)
}
