package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceMark is in the environment of the process that has the namespace.
const namespaceMark = "BENCH_NAMESPACE"

// enterNamespace runs this command again in a network namespace of its own, where nobody else sends and nobody outside sees what
// listens (Kroxylicious listens on all addresses). It returns true in the process that has it. Where the system does not
// allow one, the benchmark runs without.
func enterNamespace(ctx context.Context) (inside bool, err error) {
	if os.Getenv(namespaceMark) != "" {
		return true, raiseLoopback()
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), namespaceMark+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		fmt.Fprintln(os.Stderr, "No network namespace of our own is allowed here: Kroxylicious, which listens on all addresses, is left out.")
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, cmd.Wait()
}

// private says whether nobody outside can reach what listens here.
func private() bool { return os.Getenv(namespaceMark) != "" }

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("raise the loopback interface: %w", err)
	}
	return nil
}
