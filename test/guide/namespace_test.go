package guide

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// mark is in the environment of the process that has the namespace: a folder that is its alone.
const mark = "GUIDE_NAMESPACE"

// ours is where this process's network meets that of the clusters.
const ours = "10.77.0.1"

// hosts are the names that documents use. Clusters are in a network beyond, so that a mesh can listen on all addresses at their port.
const hosts = `127.0.0.1 localhost kafka.example.com partners.example.com envoy
` + ours + ` mesh-1
10.77.0.11 orders-kafka-1 orders-kafka-2 c1-broker1 c1-broker2 kafka-c1
10.77.0.12 kafka-1 kafka-2 kafka-3 c2-broker1 kafka-c2
10.77.0.13 kafka-c3
10.77.0.14 secure-kafka-1 secure-kafka-2
`

func TestMain(m *testing.M) {
	if dir := os.Getenv(mark); dir != "" {
		if err := furnish(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		stack.Main(m, stopWorld)
	}
	code, err := enter()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		stack.Main(m, stopWorld) // its tests are left out
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// enter runs this test again in namespaces, and gives its exit code. It is the first process there: what it has started ends with it.
func enter() (int, error) {
	if stack.Required() { // what is missing cannot be fetched from inside
		for _, install := range []func() error{
			func() error { _, err := stack.Clients(context.Background()); return err },
			func() error { _, err := stack.EnvoyBinary(context.Background(), stack.EnvoyVersion); return err },
		} {
			if err := install(); err != nil {
				return 1, err
			}
		}
	}
	dir, err := os.MkdirTemp("", "guide-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), mark+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	err = cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(ended.ExitCode(), 1), nil
	}
	return 0, err
}

// furnish makes what documents name: a network, names, and folders below /etc and /usr/local that only this process sees.
func furnish(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := connect(); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	for at, folders := range map[string][]string{
		"/etc":       {"kafkamesh", "kafka", "systemd/system"},
		"/usr/local": {"bin", "lib/kafkamesh"},
	} {
		upper, work := filepath.Join(dir, at, "upper"), filepath.Join(dir, at, "work")
		for _, folder := range append(folders, "../work") {
			if err := os.MkdirAll(filepath.Join(upper, folder), 0o755); err != nil {
				return err
			}
		}
		if at == "/etc" {
			if err := os.WriteFile(filepath.Join(upper, "hosts"), []byte(hosts), 0o644); err != nil {
				return err
			}
		}
		layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", at, upper, work)
		if err := unix.Mount("overlay", at, "overlay", 0, layers); err != nil {
			return fmt.Errorf("mount %s: %w", at, err)
		}
	}
	return nil
}

// beyond is a thread that is in another network than this process.
type beyond chan func()

// do has a function run there, and waits for it.
func (b beyond) do(f func() error) error {
	done := make(chan error)
	b <- func() { done <- f() }
	return <-done
}

// network is made once, before the tests.
var network = make(beyond)

// connect makes that network, with the addresses of hosts, and a wire to it.
func connect() error {
	runtime.LockOSThread() // so that it has a network that can be named
	defer runtime.UnlockOSThread()
	here := fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		made <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range network {
			f()
		}
	}()
	if err := <-made; err != nil {
		return fmt.Errorf("make a network: %w", err)
	}
	there := []string{"link set lo up", "link add clusters type veth peer name wire", "link set wire netns " + here, "link set clusters up"}
	for line := range strings.Lines(hosts) {
		if addr := strings.Fields(line)[0]; addr != "127.0.0.1" && addr != ours {
			there = append(there, "addr add "+addr+"/24 dev clusters")
		}
	}
	if err := network.do(func() error { return configure(there) }); err != nil {
		return err
	}
	return configure([]string{"link set lo up", "addr add " + ours + "/24 dev wire", "link set wire up"})
}

func configure(commands []string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w\n%s", c, err, out)
		}
	}
	return nil
}

// alone ends the test as left out where there is no namespace, and gives the folder that is this process's.
func alone(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(mark)
	if dir == "" {
		stack.Check(t, &stack.MissingError{Part: "a network namespace", Cure: "run as root, or allow namespaces to users"})
	}
	return dir
}
