// Command echo is a module whose sessions do what their listener's filter_name says, so that TestEnvoy can drive the
// border on a real Envoy.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
)

func main() {}

func init() {
	abi.Register(func(c *abi.Config, name string, raw []byte) (abi.Filter, error) {
		switch {
		case bytes.Contains(raw, []byte("refuse")):
			abi.Log(abi.Error, "kafka_mesh: configuration refused: field x: bad value")
			return nil, errors.New("refused")
		case bytes.Contains(raw, []byte("panic")):
			panic("boom in config")
		}
		memory, err := c.Define([]abi.Metric{
			{Name: "sessions"}, {Name: "active", Kind: abi.Gauge}, {Name: "panics"}, {Name: "bytes"},
			{Name: "served", Kind: abi.Gauge}, {Name: "level", Kind: abi.SetGauge}, {Name: "sizes", Kind: abi.Histogram, Samples: []int64{1, 10}},
			{Name: "lent", Kind: abi.Gauge},
		})
		if err != nil {
			return nil, err
		}
		return &filter{mode: name, memory: memory}, nil
	}, func(int) abi.Thread { return thread{} })
}

// thread has nothing to do.
type thread struct{}

func (thread) Begin()    {}
func (thread) End() bool { return false }

type filter struct {
	mode   string // echo, async, late, pause, flood, lent, noisy, lending, panic, panicnew, panicflood, busy
	memory abi.Memory
	busy   atomic.Bool
}

func (f *filter) add(i int, n int64) {
	atomic.AddInt64(&f.memory.Numbers[i], n)
	if atomic.OrUint64(&f.memory.Marks[i/64], 1<<(i%64)) == 0 {
		atomic.OrUint64(&f.memory.Groups[0], 1<<(i/64))
	}
}

func (f *filter) NewSession(worker int, p abi.Peer, c *abi.Conn) abi.Session {
	abi.Log(abi.Debug, fmt.Sprintf("kafka_mesh: worker %d peer %+v", worker, p))
	f.add(0, 1)
	f.add(1, 1)
	if f.mode == "panicnew" {
		panic("boom in NewSession")
	}
	s := &session{f: f, c: c}
	if f.mode == "noisy" || f.mode == "lending" {
		for range 4 {
			go s.talk()
		}
	}
	if f.mode == "async" || f.mode == "late" {
		s.work = make(chan []byte, 1024)
		go s.loop(s.work)
	}
	return s
}

func (f *filter) Replaced() {}

// Served counts though there is no client: once, and on and on if the mode says so.
func (f *filter) Served() {
	abi.Log(abi.Info, "kafka_mesh: served")
	f.add(4, 1)
	f.add(5, 42)
	f.add(6, 1)
	f.add(7, 2)
	if f.mode != "busy" {
		return
	}
	f.busy.Store(true)
	go func() {
		for f.busy.Load() {
			f.add(0, 1)
			f.add(1, 1)
			f.add(1, -1)
			f.add(6, 1)
			time.Sleep(time.Millisecond)
		}
	}()
}

func (f *filter) Close() {
	f.busy.Store(false)
	time.Sleep(100 * time.Millisecond)
	f.add(1, 5) // must not harm
	abi.Log(abi.Info, "kafka_mesh: filter closed")
}

func (f *filter) Panicked(reason any, stack []byte) {
	f.add(2, 1)
	abi.Log(abi.Error, fmt.Sprintf("kafka_mesh: panic: %v (%d bytes of stack)", reason, len(stack)))
}

type session struct {
	f      *filter
	c      *abi.Conn
	work   chan []byte
	mu     sync.Mutex
	calls  atomic.Int32
	closed bool
	silent atomic.Bool
	paused bool
	seen   int
}

func (s *session) write(p []byte) { s.c.Writev([][]byte{p}, nil) }

// lend has parts written, and overwrites them when it has them back.
func (s *session) lend(parts ...[]byte) (back <-chan struct{}) {
	done := make(chan struct{})
	var once sync.Once
	s.f.add(8, 1)
	s.c.Writev(parts, func() {
		again := true
		once.Do(func() {
			again = false
			defer close(done)
		})
		if again {
			abi.Log(abi.Error, "kafka_mesh: CONTRACT BROKEN: a write is given back twice")
		}
		for _, p := range parts {
			clear(p)
		}
		s.f.add(8, -1)
	})
	return done
}

func (s *session) loop(work <-chan []byte) {
	for p := range work {
		if s.f.mode == "late" {
			time.Sleep(100 * time.Millisecond)
		}
		if bytes.HasPrefix(p, []byte("QUIT")) {
			s.write([]byte("bye"))
			s.c.Close()
			s.write([]byte("after close"))
			continue
		}
		s.mu.Lock() // as an engine would: the call below may destroy the connection under it
		s.write(p)
		s.mu.Unlock()
	}
	s.c.Close()
}

// talk writes without end, so that there is always something on its way when the connection goes.
func (s *session) talk() {
	for !s.silent.Load() {
		s.write([]byte("x"))
		if s.f.mode == "lending" {
			<-s.lend([]byte("short"), make([]byte, 100<<10))
		}
		runtime.Gosched()
	}
}

// one checks that the host makes one call at a time and none after Closed.
func (s *session) one() func() {
	if s.calls.Add(1) != 1 || s.closed {
		abi.Log(abi.Error, "kafka_mesh: CONTRACT BROKEN: two calls at a time, or one after Closed")
	}
	return func() { s.calls.Add(-1) }
}

func (s *session) DataMore(p []byte) { s.Data(p) }

func (s *session) Data(p []byte) {
	defer s.one()()
	s.f.add(3, int64(len(p)))
	switch s.f.mode {
	case "async", "late":
		s.work <- bytes.Clone(p)
	case "panic":
		if bytes.HasPrefix(p, []byte("PANIC")) {
			s.mu.Lock() // and leave it locked
			panic("boom in Data")
		}
		s.write(p)
	case "pause": // pauses after the first read, tells how much came, goes on after 300 ms
		s.seen += len(p)
		if !s.paused {
			s.paused = true
			s.c.PauseReads(true)
			s.c.PauseReads(false)
			s.c.PauseReads(true)
			time.AfterFunc(300*time.Millisecond, func() {
				s.write(fmt.Appendf(nil, "%d\n", s.seen))
				s.c.PauseReads(false)
			})
		}
	case "lent": // 8 MiB that are not copied, between what is, then close
		for i := range 8 {
			s.write([]byte("<"))
			s.lend(bytes.Repeat([]byte{'0' + byte(i)}, 1<<20), []byte(">"))
		}
		s.c.Close()
		s.lend(make([]byte, 1<<20))
	case "flood", "panicflood": // 8 MiB, then close
		for range 8 {
			s.write(make([]byte, 1<<20))
		}
		s.c.Close()
	default:
		if bytes.HasPrefix(p, []byte("QUIT")) {
			s.write([]byte("bye"))
			s.c.Close()
			return
		}
		s.write(p)
	}
}

func (s *session) End() {
	defer s.one()()
	switch s.f.mode {
	case "async", "late":
		close(s.work)
		s.work = nil
	case "pause":
		s.write(fmt.Appendf(nil, "all %d\n", s.seen))
		s.c.Close()
	default:
		s.write([]byte("bye-after-eof"))
		s.c.Close()
	}
}

func (s *session) Certified(string, string, string) { defer s.one()() }

func (s *session) HungUp() { defer s.one()() }

func (s *session) Congested(on bool) {
	defer s.one()()
	abi.Log(abi.Info, fmt.Sprintf("kafka_mesh: congested %v", on))
	if s.f.mode == "panicflood" {
		panic("boom in Congested")
	}
}

func (s *session) Closed() {
	defer s.one()()
	s.mu.Lock() // never returns in mode panic
	defer s.mu.Unlock()
	s.closed = true
	s.silent.Store(true)
	s.f.add(1, -1)
	if s.work != nil {
		close(s.work)
	}
}
