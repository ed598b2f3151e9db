package simulation

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
)

// direct is the way to the brokers themselves, to compare with.
type direct struct {
	line     *timeline
	clusters map[string]*upstreamtest.Cluster
	ctx      context.Context //nolint:containedctx // ends all that goroutines of it wait for
}

var _ reach = (*direct)(nil)

func (d *direct) node(w *writer, leader int32) node { return node{w.place.Cluster, leader} }

func (d *direct) prompt() bool { return false }

// timeout bounds connecting and asking.
const timeout = 10 * time.Second

func (d *direct) connect(c endpoint, l *link) {
	cluster := d.clusters[l.to.cluster]
	s := &socket{line: d.line, client: c, link: l, out: c.distance(), back: c.distance(), frames: make(chan []byte, 1024)}
	l.way = s
	go func() {
		ctx, cancel := context.WithTimeout(d.ctx, timeout)
		defer cancel()
		meta, err := cluster.Metadata(ctx, nil, false)
		if addr, lives := meta.Brokers[l.to.id]; err == nil && lives {
			var made net.Conn
			link, failed := cluster.Dial(ctx, addr)
			if made, err = link.Conn, failed; err == nil {
				s.serve(made)
				return
			}
		}
		d.line.after(s.back, func() { c.lost(l) })
	}()
}

func (d *direct) ask(c *client) {
	topics := map[string][]string{}
	for _, w := range c.writers {
		topics[w.place.Cluster] = append(topics[w.place.Cluster], w.place.Topic)
	}
	away := c.distance()
	go func() {
		ctx, cancel := context.WithTimeout(d.ctx, timeout)
		defer cancel()
		said := map[string][]int32{}
		for cluster, names := range topics {
			meta, err := d.clusters[cluster].Metadata(ctx, names, false)
			if err != nil {
				d.line.after(away, c.unlearned)
				return
			}
			for _, t := range meta.Topics {
				var leaders []int32
				for _, p := range t.Partitions {
					leaders = append(leaders, p.Leader)
				}
				said[t.Name] = leaders
			}
		}
		d.line.after(away, func() {
			c.learn(said)
			c.look()
		})
	}()
}

// socket is a client's connection to a broker.
type socket struct {
	line      *timeline
	client    endpoint
	link      *link
	out, back time.Duration
	conn      net.Conn
	frames    chan []byte // at most as many as fit: a client has few on their way
	closed    bool
	dropping  bool
}

var _ way = (*socket)(nil)

// serve begins to write and read, both until the connection ends.
func (s *socket) serve(conn net.Conn) {
	s.line.after(s.back, func() {
		s.conn = conn
		if s.link.dead || s.closed {
			s.end()
			return
		}
		s.client.connected(s.link)
	})
	go func() {
		for f := range s.frames {
			if _, err := conn.Write(f); err != nil {
				break
			}
		}
		_ = conn.Close()
	}()
	r := bufio.NewReader(conn)
	for {
		frame, err := readFrame(r)
		if err != nil {
			break
		}
		s.line.after(s.back, func() { s.client.received(s.link, frame) })
	}
	s.line.after(s.back, func() {
		s.end()
		s.client.lost(s.link)
	})
}

func readFrame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(head))
	_, err = io.ReadFull(r, frame)
	return frame, err
}

func (s *socket) send(frame []byte) {
	s.line.after(s.out, func() {
		if !s.closed && !s.dropping {
			s.frames <- frame
		}
	})
}

// end closes the connection.
func (s *socket) end() {
	if !s.closed {
		s.closed = true
		close(s.frames)
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

func (s *socket) close() { s.line.after(s.out, s.end) }

func (s *socket) sever(lag time.Duration, drop bool) {
	s.dropping = drop
	s.line.after(lag, s.end)
}

func (s *socket) thaw() {}
