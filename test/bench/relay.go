package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"os/exec"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// relayBuffer is what a relay reads at a time.
const relayBuffer = 64 << 10

func startRelay(ctx context.Context, s *site) (*running, error) {
	addrs, err := s.freeAddrs()
	if err != nil {
		return nil, err
	}
	args := []string{"relay", "-ca", s.ca}
	for i, addr := range addrs {
		args = append(args, addr, s.addrs[i])
	}
	p, err := stack.Start(ctx, relayWay, exec.Command("/proc/self/exe", args...), addrs[len(addrs)-1])
	if err != nil {
		return nil, err
	}
	return &running{to: s.through(addrs...), processes: []*stack.Process{p}, close: p.Kill}, nil
}

// serveRelay is the process of a relay: the least that a proxy in Go can do. It takes pairs of addresses: one to listen on and one to
// connect to, with TLS if there is a CA.
func serveRelay(args []string) error {
	flags := flag.NewFlagSet("relay", flag.ContinueOnError)
	ca := flags.String("ca", "", "PEM file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pairs := flags.Args()
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		return errors.New("relay: takes pairs of addresses")
	}
	dial, err := (&load.Job{CA: *ca}).Dialer()
	if err != nil {
		return err
	}
	failed := make(chan error)
	for ; len(pairs) > 0; pairs = pairs[2:] {
		l, err := net.Listen("tcp", pairs[0])
		if err != nil {
			return err
		}
		upstream := pairs[1]
		go func() {
			failed <- relayAll(l, func() (net.Conn, error) { return dial(context.Background(), upstream) })
		}()
	}
	return <-failed
}

// relayAll gives every client a connection of its own.
func relayAll(l net.Listener, dial func() (net.Conn, error)) error {
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		broker, err := dial()
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
