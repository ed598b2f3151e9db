package main

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// cores are CPUs, by number. None means all.
type cores []int

// halves are the cores that this process may use, in two halves: clients and proxies have the first where brokers are apart.
func halves() (first, second cores, err error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, nil, fmt.Errorf("which cores there are: %w", err)
	}
	var all cores
	for n := range len(allowed) * 64 {
		if allowed.IsSet(n) {
			all = append(all, n)
		}
	}
	if len(all) < 2 {
		return nil, nil, fmt.Errorf("%w: it takes two cores", errLeftOut)
	}
	first, second = all.split()
	return first, second, nil
}

func (c cores) split() (first, second cores) { return c[:len(c)/2], c[len(c)/2:] }

// run has a function start processes that may use these cores only. It starts them on its own goroutine: a child may use what the thread
// may that makes it.
func (c cores) run(start func() error) error {
	if len(c) == 0 {
		return start()
	}
	runtime.LockOSThread()
	var were, are unix.CPUSet
	if err := unix.SchedGetaffinity(0, &were); err != nil {
		return err
	}
	for _, n := range c {
		are.Set(n)
	}
	if err := unix.SchedSetaffinity(0, &are); err != nil {
		return fmt.Errorf("keep to cores %v: %w", c, err)
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &were); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}
