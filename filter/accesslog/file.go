package accesslog

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// mode is who may read a file that is made here: lines say who sends what.
const mode = 0o640

// tellEach is how often it is told at most that a file cannot be written.
const tellEach = time.Minute

// file is where lines are written. It is opened with the first. The goroutine of a writer has it alone, but for interrupt.
type file struct {
	path string
	log  *slog.Logger

	open   atomic.Pointer[os.File] // nil: it could not be opened yet
	torn   bool                    // what was written last is not a whole line
	failed bool                    // since it was told
	told   time.Time               // when that was; zero: never
}

// own is the number of one of the process's own files, by its path.
func own(path string) (fd int, is bool) {
	switch path {
	case "/dev/stdout":
		return syscall.Stdout, true
	case "/dev/stderr":
		return syscall.Stderr, true
	default:
		return 0, false
	}
}

// What access(2) is asked for.
const writable, enterable = 2, 1

// check says why a path cannot be written, without making it. A pipe that nobody reads yet is no mistake.
func check(path string) error {
	if _, is := own(path); is {
		return nil
	}
	if is, err := os.Stat(path); err == nil && is.Mode()&fs.ModeNamedPipe != 0 { // to open and close it would be the end to who reads it
		if err := syscall.Access(path, writable); err != nil {
			return &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return nil
	}
	opened, err := os.OpenFile(path, flags, 0) //nolint:gosec // the configuration is trusted
	switch {
	case err == nil:
		return opened.Close()
	case errors.Is(err, fs.ErrNotExist):
		if err := syscall.Access(filepath.Dir(path), writable|enterable); err != nil {
			return &fs.PathError{Op: "create", Path: path, Err: err}
		}
		return nil
	case isUnread(path, err):
		return nil
	default:
		return err
	}
}

// flags are how a file is opened so that several processes may write to it, and nothing waits for a pipe's reader.
const flags = os.O_WRONLY | os.O_APPEND | syscall.O_NONBLOCK

// openPath opens a path, which is made if it is not there.
func openPath(path string) (*os.File, error) {
	if fd, is := own(path); is {
		return duplicate(fd, path)
	}
	return os.OpenFile(path, flags|os.O_CREATE, mode) //nolint:gosec // the configuration is trusted
}

// duplicate opens one of the process's own files again. To write to the first two themselves when nobody reads them any more would
// end a process of Go's.
func duplicate(fd int, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	copied, err := syscall.Dup(fd)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	syscall.CloseOnExec(copied)
	return os.NewFile(uintptr(copied), name), nil
}

// isUnread reports whether a path cannot be opened because it is a pipe that nobody reads.
func isUnread(path string, err error) bool {
	if !errors.Is(err, syscall.ENXIO) {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// write writes lines, and says how many of them are in the file.
func (f *file) write(lines []byte) (written int) {
	err := f.renew()
	if err == nil {
		written, err = f.writeTo(f.open.Load(), lines)
	}
	switch {
	case err != nil && !f.failed && (f.told.IsZero() || time.Since(f.told) > tellEach):
		f.failed, f.told = true, time.Now()
		f.log.Warn("the access log cannot be written; lines are dropped until it can", "path", f.path, "error", err)
	case err == nil && f.failed:
		f.failed = false
		f.log.Info("the access log is written again", "path", f.path)
	}
	return written
}

// writeTo writes lines to what is open.
func (f *file) writeTo(to *os.File, lines []byte) (written int, err error) {
	if f.torn {
		if _, err := to.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err := to.Write(lines)
	f.torn = n > 0 && lines[n-1] != '\n'
	return bytes.Count(lines[:n], []byte{'\n'}), err
}

// renew opens the path again if what is open is no longer there: somebody has renamed or removed it. If it cannot be opened, what is
// open is kept.
func (f *file) renew() error {
	now := f.open.Load()
	if now != nil && isAt(now, f.path) {
		return nil
	}
	opened, err := openPath(f.path)
	switch {
	case err != nil && now != nil:
		return nil
	case err != nil:
		return err
	}
	f.open.Store(opened)
	f.torn = false
	if now != nil {
		_ = now.Close() // all that was written to it is written, or was told
	}
	return nil
}

// isAt reports whether an open file is the one at a path.
func isAt(opened *os.File, path string) bool {
	if _, is := own(path); is {
		return true
	}
	there, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	is, err := opened.Stat()
	return err != nil || os.SameFile(there, is)
}

// interrupt has a write that waits end. It reports false if that cannot be done.
func (f *file) interrupt() bool {
	to := f.open.Load()
	return to != nil && to.SetWriteDeadline(time.Now()) == nil
}

// close closes the file.
func (f *file) close() {
	if to := f.open.Load(); to != nil {
		_ = to.Close() // all that was written to it is written, or was told
	}
}
