package redirect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// mark is in the environment of the process that has a network of its own.
const mark = "REDIRECT_NETWORK"

// The addresses that clients dial, which nobody has, and where what is sent there goes.
const (
	virtual4, virtual6 = "240.240.9.2", "fd00:240::2"
	virtualPort        = 9092
	inboundPort        = 15001
)

func TestMain(m *testing.M) {
	nothing := func() error { return nil }
	if os.Getenv(mark) != "" {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		stack.Main(m, nothing)
	}
	code, err := enter()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) || missing(err) {
		stack.Main(m, nothing) // its tests are left out
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func missing(err error) bool {
	_, is := errors.AsType[*stack.MissingError](err)
	return is
}

// enter runs this test again in a network of its own, and gives its exit code.
func enter() (int, error) {
	nft, err := stack.NFT(context.Background()) // what is missing cannot be fetched from inside
	if err == nil && stack.Required() {
		_, err = stack.EnvoyBinary(context.Background(), stack.EnvoyVersion)
	}
	if err != nil {
		return 1, err
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), mark+"="+nft)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
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

// rules redirect what is sent to the virtual addresses, as those of a service mesh do.
const rules = `
table inet mesh {
	chain output {
		type nat hook output priority -100
		ip daddr %s tcp dport %d redirect to :%[4]d
		ip6 daddr %[3]s tcp dport %[2]d redirect to :%[4]d
	}
}
`

// furnish gives the network an interface, a way to everywhere, and the rules.
func furnish() error {
	for _, c := range []string{
		"link set lo up", "link add way type veth peer name nowhere", "link set nowhere up", "addr add 10.78.0.1/24 dev way", "addr add fd00:78::1/64 dev way nodad", "link set way up",
		"route add default dev way", "-6 route add default dev way",
	} {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w\n%s", c, err, out)
		}
	}
	nft := exec.Command(os.Getenv(mark), "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(rules, virtual4, virtualPort, virtual6, inboundPort))
	if out, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w\n%s", err, out)
	}
	return nil
}

// alone ends the test as left out where there is no network of its own.
func alone(t *testing.T) {
	t.Helper()
	if os.Getenv(mark) == "" {
		stack.Check(t, &stack.MissingError{Part: "a network of its own with rules", Cure: "run as root, or allow namespaces to users; nft is of Debian's nftables"})
	}
}
