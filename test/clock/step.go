package clock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long a process may take to stand still.
const patience = 10 * time.Second

// Step has a running process see the time of day d from the machine's, in whole seconds; with a d of 0 it sees the machine's again. The
// process is this one's child, and is stopped for a moment.
func Step(pid int, d time.Duration) (err error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return errors.New("a clock can be stepped on Linux with amd64 only")
	}
	pristine, own, err := vdso(os.Getpid())
	if err != nil {
		return err
	}
	_ = own.Close()
	_, memory, err := vdso(pid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	todo, err := changes(pristine, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)) }()
	if err := memory.stop(pid, todo); err != nil {
		return err
	}
	for _, c := range todo {
		if _, err := memory.WriteAt(c.with, memory.base+int64(c.at)); err != nil {
			return fmt.Errorf("change the vDSO: %w", err)
		}
	}
	return nil
}

// memory is that of a process.
type memory struct {
	*os.File

	base int64 // where the vDSO begins
}

// vdso reads the vDSO of a process.
func vdso(pid int) (image []byte, m *memory, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, nil, err
	}
	var from, to int64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
				return nil, nil, err
			}
		}
	}
	if from == 0 {
		return nil, nil, fmt.Errorf("process %d has no vDSO", pid)
	}
	file, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	image = make([]byte, to-from)
	if _, err := file.ReadAt(image, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, errors.Join(err, file.Close())
	}
	return image, &memory{file, from}, nil
}

// stop has a process stand still, with no thread in the middle of what is to change.
func (m *memory) stop(pid int, todo []change) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		counters, still, err := programCounters(pid)
		if err != nil {
			return err
		}
		if !still {
			runtime.Gosched()
			continue
		}
		if !m.inside(counters, todo) {
			return nil
		}
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d did not stand still within %s", pid, patience)
}

// inside reports whether a thread has begun with bytes that are to change. At the first of them it may stand.
func (m *memory) inside(counters []int64, todo []change) bool {
	for _, at := range counters {
		for _, c := range todo {
			if from := m.base + int64(c.at); len(c.with) == jumpSize && from < at && at < from+jumpSize {
				return true
			}
		}
	}
	return false
}

// programCounters is where the threads of a process are, if all stand still.
func programCounters(pid int) (counters []int64, still bool, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		return nil, false, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		switch {
		case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH):
			continue // the thread has ended
		case err != nil:
			return nil, false, err
		}
		words := strings.Fields(string(text))
		if words[0] == "running" {
			return nil, false, nil
		}
		at, err := strconv.ParseInt(words[len(words)-1], 0, 64)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", file, err)
		}
		counters = append(counters, at)
	}
	return counters, len(files) > 0, nil
}
