package dialtest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a server that knows some names, and no other. Its methods may be called from any goroutine.
type DNS struct {
	// Addr is where it listens, ip:port.
	Addr string

	mu    sync.Mutex
	hosts map[string][]netip.Addr
	deaf  bool
	asked []string
}

// ServeDNS plays a DNS server until the test ends.
func ServeDNS(tb testing.TB, hosts map[string][]netip.Addr) *DNS {
	tb.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	d := &DNS{Addr: conn.LocalAddr().String(), hosts: hosts}
	var work sync.WaitGroup
	work.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := d.answer(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	})
	tb.Cleanup(func() {
		_ = conn.Close()
		work.Wait()
	})
	return d
}

// Set has it know a name, or forget it.
func (d *DNS) Set(name string, addrs ...netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts[name] = addrs
}

// Deafen has it answer nobody.
func (d *DNS) Deafen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = true
}

// Asked are the names that it was asked for, in their order.
func (d *DNS) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

// answer answers a question; nil: it does not.
func (d *DNS) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	d.mu.Lock()
	addrs, deaf := d.hosts[name], d.deaf
	d.asked = append(d.asked, name)
	d.mu.Unlock()
	if deaf {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if len(addrs) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, ip := range addrs {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 1}
		switch {
		case q.Type == dnsmessage.TypeA && ip.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: ip.As4()}})
		case q.Type == dnsmessage.TypeAAAA && ip.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}
