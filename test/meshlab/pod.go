package meshlab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// redirect is what Istio does to a pod's packets. What leaves goes to the sidecar's port 15001, unless it is the sidecar's or stays in the
// pod; what comes in goes to 15006, but for the sidecar's admin interface.
const redirect = `table ip istio {
	chain output {
		type nat hook output priority -100
		meta skuid 1337 return
		ip daddr 127.0.0.0/8 return
		meta l4proto tcp redirect to :15001
	}
	chain prerouting {
		type nat hook prerouting priority -100
		meta l4proto tcp redirect to :15006
	}
}
`

// Pod is a network namespace with one address, on the bridge of its network.
type Pod struct {
	Name, IP string

	space  int // the namespace's file descriptor
	starts chan func()
}

// Network is a bridge that pods are on.
type Network struct {
	nft  string
	root *Pod
	pods int
}

// NewNetwork makes a network without pods. nft is the program that writes rules for packets.
func NewNetwork(nft string) (*Network, error) {
	root, err := newNamespace("network")
	if err != nil {
		return nil, err
	}
	err = root.run(func() error {
		return commands("ip", "link set lo up", "link add pods type bridge", "addr add 10.99.0.1/24 dev pods", "link set pods up")
	})
	return &Network{nft: nft, root: root}, err
}

// Close ends the network. What runs in its pods ends with them.
func (n *Network) Close() { n.root.close() }

// Add adds a pod, whose packets are redirected to its sidecar if it has one.
func (n *Network) Add(name, ip string, sidecar bool) (*Pod, error) {
	p, err := newNamespace(name)
	if err != nil {
		return nil, err
	}
	p.IP = ip
	n.pods++
	end := fmt.Sprintf("pod%d", n.pods)
	there := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.space)
	err = n.root.run(func() error {
		return commands("ip", "link add "+end+" type veth peer name eth0 netns "+there, "link set "+end+" master pods", "link set "+end+" up")
	})
	if err != nil {
		return nil, err
	}
	err = p.run(func() error {
		return commands("ip", "link set lo up", "addr add "+ip+"/24 dev eth0", "link set eth0 up", "route add default via 10.99.0.1")
	})
	if err != nil || !sidecar {
		return p, err
	}
	return p, p.run(func() error {
		nft := exec.Command(n.nft, "-f", "-")
		nft.Stdin = strings.NewReader(redirect)
		if out, err := nft.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w\n%s", err, out)
		}
		return nil
	})
}

// newNamespace makes a namespace, and a thread in it that lives as long: what it starts ends with it.
func newNamespace(name string) (*Pod, error) {
	p := &Pod{Name: name, starts: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			p.space, err = unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		made <- err
		for f := range p.starts {
			f()
		}
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make the namespace of %s: %w", name, err)
	}
	return p, nil
}

// Start starts a program in the pod, which ends with the pod.
func (p *Pod) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return p.run(cmd.Start)
}

// dialTimeout is how long a connection may take.
const dialTimeout = 5 * time.Second

// Dial connects from the pod, as a program in it would that is not the sidecar.
func (p *Pod) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: nobody else is to be in the pod
		if err = unix.Setns(p.space, unix.CLONE_NEWNET); err == nil {
			conn, err = (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, addr)
		}
	}()
	<-done
	return conn, err
}

// close ends the pod.
func (p *Pod) close() {
	close(p.starts)
	_ = unix.Close(p.space)
}

// run has a function run in the pod, on the thread that lives as long. Processes are to be started so.
func (p *Pod) run(f func() error) error {
	done := make(chan error)
	p.starts <- func() { done <- f() }
	return <-done
}

func commands(program string, all ...string) error {
	for _, c := range all {
		if out, err := exec.Command(program, strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", program, c, err, out)
		}
	}
	return nil
}
