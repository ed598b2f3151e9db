package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestSequencesSurvive sends with idempotent producers, while their connections are cut, Envoy is restarted, and another
// Envoy takes over: the same records, once and in order. Producer ids are minted, so no Envoy has to know what another
// gave out.
func TestSequencesSurvive(t *testing.T) {
	t.Parallel()
	kafka := sharedBrokers(t).apples
	createTopics(t, kafka.Addr(), 3, "apples-survive-load", "apples-survive-java")
	front := listenFront(t)
	first := replica(t, front, kafka.Addr())
	front.to(first.addr)

	l := startLoad(t, front.addr(), "apples-survive-load")
	java := make(chan sending, 1)
	go func() {
		defer close(java)
		c := client{"java", runJava}
		if s, got := c.send(t, front.addr(), 150_000, "apples-survive-java"); got.stored == s.count {
			java <- s
		}
	}()
	pause := func() { time.Sleep(700 * time.Millisecond) }
	for range 3 { // connections of clients
		pause()
		front.cut()
	}
	pause()
	second := replica(t, front, kafka.Addr())
	front.to(second.addr) // another replica, for the connections that come
	front.cut()
	pause()
	first.envoy.Close()
	first = replica(t, front, kafka.Addr()) // the first one again, without anything that it knew
	front.to(first.addr)
	second.envoy.Close() // cuts what it serves
	pause()

	sent := l.finish(t)
	verifyTopic(t, kafka.Addr(), "apples-survive-load", sent)
	s, ok := <-java
	if !ok {
		t.Fatal("java lost records")
	}
	verifyTopic(t, kafka.Addr(), "apples-survive-java", s)
	requireAlive(t, first.envoy)
}

type meshReplica struct {
	envoy *stack.EnvoyProcess
	addr  string // where it listens
}

// replica starts an Envoy that tells clients to come to front.
func replica(t *testing.T, front *front, broker string) meshReplica {
	t.Helper()
	mesh := twoClusters(front.addr(), broker, broker)
	config, err := mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	return meshReplica{stack.Envoy(t, stack.EnvoyOptions{Config: stack.Bootstrap(addr, stack.AsStruct(config))}), addr}
}

// front is the address that clients know: it passes their connections on to one replica or another.
type front struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	conns  map[net.Conn]bool
}

func listenFront(t *testing.T) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{listener: listener, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		f.cut()
	})
	go f.accept()
	return f
}

func (f *front) addr() string { return f.listener.Addr().String() }

// to sends the connections that come from now on to addr.
func (f *front) to(addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = addr
}

// cut resets every connection.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	clear(f.conns)
}

func (f *front) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		target := f.target
		f.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			_ = client.Close()
			continue
		}
		f.mu.Lock()
		f.conns[client], f.conns[server] = true, true
		f.mu.Unlock()
		go pass(client, server)
		go pass(server, client)
	}
}

func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
}
