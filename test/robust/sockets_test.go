package robust

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestClientsConnectToTheFacadeOnly watches the sockets of real clients while leaders move and brokers come and go behind
// the facade. The brokers look too: whoever connects to them must not be a client.
func TestClientsConnectToTheFacadeOnly(t *testing.T) {
	var watched sync.Map // pids of clients, to their names
	var strangers sync.Map
	cluster := hidden(t, func(c net.Conn) {
		remote, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		watched.Range(func(pid, name any) bool {
			for _, s := range sockets(pid.(int)) {
				if s.local == remote {
					strangers.Store(name, true)
				}
			}
			return true
		})
	})
	h := startHost(t, "envoy", cluster.Addr(), cluster.Addr(), nil)
	facade := netip.MustParseAddrPort(h.addr)
	var clients []*watchedClient
	for _, name := range []string{"java-4.3.1", "confluent-kafka-2.16.1"} {
		c := startWatched(t, name, h.addr)
		watched.Store(c.cmd.Process.Pid, name)
		clients = append(clients, c)
	}
	disturb := time.NewTicker(100 * time.Millisecond)
	defer disturb.Stop()
	for n := 0; slices.ContainsFunc(clients, (*watchedClient).runs); n++ {
		for _, c := range clients {
			c.look()
		}
		select {
		case <-disturb.C:
			move(t, cluster)
			if n%4 == 0 {
				restartNode(t, cluster)
			}
		case <-time.After(2 * time.Millisecond):
		}
	}
	for _, c := range clients {
		if err := c.err(); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, c.out.String())
		}
		if want := map[netip.AddrPort]bool{facade: true}; !maps.Equal(c.remotes, want) {
			t.Errorf("%s was connected to %v, want %s alone", c.name, slices.Collect(maps.Keys(c.remotes)), facade)
		}
		t.Logf("%s: looked %d times", c.name, c.looks)
	}
	strangers.Range(func(name, _ any) bool {
		t.Errorf("%s connected to a broker", name)
		return true
	})
}

// restartNode takes a broker away and brings it back at the same port.
func restartNode(t *testing.T, c *stack.FakeCluster) {
	t.Helper()
	const node = hiddenNodes - 1
	addrs := c.ListenAddrs()
	addr := netip.MustParseAddrPort(addrs[len(addrs)-1])
	if err := c.RemoveNode(node); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.AddNode(node, int(addr.Port())); err != nil {
		t.Fatal(err)
	}
}

// watchedClient is a client's process and the addresses that it has been connected to.
type watchedClient struct {
	name    string
	cmd     *exec.Cmd
	out     bytes.Buffer
	done    chan error // holds 1
	ended   bool
	failure error
	remotes map[netip.AddrPort]bool
	looks   int
}

// startWatched starts a client of test/matrix that sends for some seconds.
func startWatched(t *testing.T, name, addr string) *watchedClient {
	t.Helper()
	all := captureClients()
	c := all[slices.IndexFunc(all, func(c captureClient) bool { return c.name == name })]
	w := &watchedClient{name: name, done: make(chan error, 1), remotes: map[netip.AddrPort]bool{}}
	w.cmd = c.command(t, t.Context(), addr, hiddenTopic, "600", "-/-/-")
	w.cmd.Env = append(w.cmd.Env, "PACE_MS=5")
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.done <- w.cmd.Wait() }()
	return w
}

func (w *watchedClient) runs() bool {
	if !w.ended {
		select {
		case w.failure = <-w.done:
			w.ended = true
		default:
		}
	}
	return !w.ended
}

// err says what went wrong with the client. Records that failed it has printed.
func (w *watchedClient) err() error {
	if strings.Contains(w.out.String(), "FAILED") {
		return fmt.Errorf("records failed: %w", w.failure)
	}
	return w.failure
}

func (w *watchedClient) look() {
	for _, s := range sockets(w.cmd.Process.Pid) {
		if s.remote.Port() != 0 { // else it listens
			w.remotes[s.remote] = true
		}
	}
	w.looks++
}

// socket is a TCP connection of a process.
type socket struct{ local, remote netip.AddrPort }

// sockets are the TCP sockets of a process, as /proc has them now.
func sockets(pid int) (list []socket) {
	inodes := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // none if it has ended
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:[") {
			inodes[strings.Trim(to, "socket:[]")] = true
		}
	}
	for _, file := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, file))
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && inodes[f[9]] {
				list = append(list, socket{procAddr(f[1]), procAddr(f[2])})
			}
		}
	}
	return list
}

// procAddr reads an address as /proc/net/tcp has it: words of four bytes in the machine's order, and the port.
func procAddr(text string) netip.AddrPort {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	p, err2 := hex.DecodeString(port)
	if err != nil || err2 != nil || len(b)%4 != 0 || len(p) != 2 {
		return netip.AddrPort{}
	}
	for w := b; len(w) > 0; w = w[4:] {
		binary.BigEndian.PutUint32(w, binary.NativeEndian.Uint32(w))
	}
	addr, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(p))
}

// TestSocketsSeesConnections shows that the look above sees connections: this process's own.
func TestSocketsSeesConnections(t *testing.T) {
	l, err := net.Listen("tcp", hiddenHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, l.Addr().String())
	want := socket{netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String())}
	if got := sockets(os.Getpid()); !slices.Contains(got, want) {
		t.Errorf("sockets = %v, want %v among them", got, want)
	}
}
