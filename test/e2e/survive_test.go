package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

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
	java := startJava(t, front.addr(), kafka.Addr(), "apples-survive-java", 150_000)
	goOn := func() {
		l.wantMore(t, 1000)
		java.wantMore(t, 1000)
	}
	for range 3 { // connections of clients
		goOn()
		front.cut()
	}
	goOn()
	second := replica(t, front, kafka.Addr())
	front.to(second.addr) // another replica, for the connections that come
	front.cut()
	goOn()
	first.envoy.Close()
	first = replica(t, front, kafka.Addr()) // the first one again, without anything that it knew
	front.to(first.addr)
	second.envoy.Close() // cuts what it serves
	goOn()

	sent := l.finish(t)
	verifyTopic(t, kafka.Addr(), "apples-survive-load", sent)
	verifyTopic(t, kafka.Addr(), "apples-survive-java", java.finish(t))
	stack.WantAlive(t, first.envoy.Process)
}

// javaLoad is a Java producer that sends a number of records to a topic.
type javaLoad struct {
	cluster cluster
	topic   string
	sent    sending
	done    chan struct{}
	lost    bool // some are not stored
}

func startJava(t *testing.T, addr, broker, topic string, count int) *javaLoad {
	t.Helper()
	l := &javaLoad{cluster: direct(t, broker), topic: topic, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.lost = true // if it fails the test
		var got outcome
		l.sent, got = client{"java", runJava}.send(t, addr, count, topic)
		l.lost = got.stored != count
	}()
	return l
}

// wantMore waits until so many more records than now are stored, or all.
func (l *javaLoad) wantMore(t *testing.T, records int64) {
	t.Helper()
	want := l.stored(t) + records
	stack.Wait(t, fmt.Sprintf("%d more records in %s", records, l.topic), func() error {
		select {
		case <-l.done:
			return nil
		default:
		}
		if got := l.stored(t); got < want {
			return fmt.Errorf("%d of %d are stored", got, want)
		}
		return nil
	})
}

func (l *javaLoad) stored(t *testing.T) (records int64) {
	t.Helper()
	for _, p := range l.cluster.partitions(t, l.topic) {
		records += l.cluster.offset(t, l.topic, p.Partition, -1)
	}
	return records
}

// finish waits until all records are stored.
func (l *javaLoad) finish(t *testing.T) sending {
	t.Helper()
	if <-l.done; l.lost {
		t.Fatal("java lost records")
	}
	return l.sent
}

type meshReplica struct {
	envoy *stack.EnvoyProcess
	addr  string // where it listens
}

// replica starts an Envoy that tells clients to come to front.
func replica(t *testing.T, front *front, broker string) meshReplica {
	t.Helper()
	mesh := stack.TwoClusters(front.addr(), broker, broker)
	config, err := mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	addr := stack.Addr(t)
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
