package stack

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Relay is a TCP proxy that passes connections on as they are, until a test cuts them. Its methods may be called from any goroutine.
type Relay struct {
	listener net.Listener
	through  Through
	accepted atomic.Int64
	all      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	target string
	from   net.Addr                  // where its connections come from; nil is wherever the system has them come from
	conns  map[*net.TCPConn]struct{} // both ends of each connection
}

// Through is called for each connection of a relay and says where its bytes go in place of the server and the client: to what counts
// or keeps them, and writes them there.
type Through func(server, client io.Writer) (toServer, toClient io.Writer)

// StartRelay starts a relay. Through may be nil.
func StartRelay(through Through) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if through == nil {
		through = func(server, client io.Writer) (io.Writer, io.Writer) { return server, client }
	}
	r := &Relay{listener: l, through: through, conns: map[*net.TCPConn]struct{}{}}
	r.all.Go(r.accept)
	return r, nil
}

// Addr is where the relay listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Aim has connections that come from now on go to an address.
func (r *Relay) Aim(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// From has connections that come from now on reach their target from another IP address of this machine.
func (r *Relay) From(ip net.IP) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = &net.TCPAddr{IP: ip}
}

// Accepted is how many connections have come.
func (r *Relay) Accepted() int64 { return r.accepted.Load() }

// Reset ends all connections with RST: what was on its way is lost.
func (r *Relay) Reset() {
	all := r.take()
	for _, c := range all { // before any is closed: whoever passes bytes on closes the other end then
		_ = c.SetLinger(0)
	}
	for _, c := range all {
		_ = c.Close()
	}
}

// Hangup ends all connections with FIN: what was passed on still arrives.
func (r *Relay) Hangup() {
	for _, c := range r.take() {
		_ = c.Close()
	}
}

// Close ends the relay and all of its connections.
func (r *Relay) Close() {
	_ = r.listener.Close() // ends accept
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Hangup()
	r.all.Wait()
}

// take gives all connections to who ends them.
func (r *Relay) take() []*net.TCPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*net.TCPConn
	for c := range r.conns {
		list = append(list, c)
	}
	clear(r.conns)
	return list
}

func (r *Relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.accepted.Add(1)
		r.all.Go(func() { r.serve(conn.(*net.TCPConn)) })
	}
}

func (r *Relay) serve(client *net.TCPConn) {
	target, from, ok := r.join(client)
	if !ok {
		return
	}
	conn, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", target)
	if err != nil {
		r.end(client)
		return
	}
	server := conn.(*net.TCPConn)
	r.mu.Lock()
	_, open := r.conns[client]
	r.conns[server] = struct{}{}
	r.mu.Unlock()
	if !open { // it was cut meanwhile
		r.end(server)
		return
	}
	toServer, toClient := r.through(server, client)
	var both sync.WaitGroup
	both.Go(func() { r.pass(toServer, client, server) })
	both.Go(func() { r.pass(toClient, server, client) })
	both.Wait()
}

// join keeps a client's connection and says where it goes, and from where, or closes it when the relay is closed.
func (r *Relay) join(client *net.TCPConn) (target string, from net.Addr, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = client.Close()
		return "", nil, false
	}
	r.conns[client] = struct{}{}
	return r.target, r.from, true
}

// pass copies one direction. A connection that ends one way has ended.
func (r *Relay) pass(w io.Writer, from, to *net.TCPConn) {
	_, _ = io.Copy(w, from)
	r.end(from)
	r.end(to)
}

func (r *Relay) end(c *net.TCPConn) {
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
	_ = c.Close()
}
