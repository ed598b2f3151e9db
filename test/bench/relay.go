package main

import (
	"context"
	"errors"
	"net"
	"os/exec"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// relayBuffer is what a relay reads at a time.
const relayBuffer = 64 << 10

func startRelay(ctx context.Context, c *clusters, _ string) (*running, error) {
	addr, err := c.plainAddr()
	if err != nil {
		return nil, err
	}
	p, err := stack.Start(ctx, relayWay, exec.Command("/proc/self/exe", "relay", addr, c.addrs[0]), addr)
	if err != nil {
		return nil, err
	}
	return &running{through(addr)(c), "", []*stack.Process{p}, p.Kill}, nil
}

// serveRelay is the process of a relay: the least that a proxy in Go can do. It takes an address to listen on and one to connect to.
func serveRelay(args []string) error {
	if len(args) != 2 {
		return errors.New("relay: takes two addresses")
	}
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		broker, err := net.Dial("tcp", args[1])
		if err != nil {
			return err
		}
		go relay(client, broker)
		go relay(broker, client)
	}
}

// relay copies until one side ends, and then ends both. io.Copy would have the kernel move the bytes, unseen: no proxy that
// looks at them could.
func relay(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	buf := make([]byte, relayBuffer)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
