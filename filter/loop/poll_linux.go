package loop

import (
	"net"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

const (
	// readSize is how much is read at once to the loop's buffer.
	readSize = 64 << 10
	// maxEvents is how many sockets are handled in one iteration.
	maxEvents = 256
)

// poller asks the kernel which sockets are ready.
type poller struct {
	epoll int
	bell  int // an eventfd, for who posts

	mu    sync.Mutex
	slots []slot
	free  []int32 // slots

	// These are the loop's alone.
	events [maxEvents]unix.EpollEvent
	ready  []ready
	buf    [readSize]byte
}

// slot is the place of a socket. What the kernel tells names a slot and its age, so that nobody takes it for the next one's.
type slot struct {
	sock *sock
	age  int32
}

// ready is a socket for which there are events.
type ready struct {
	sock   *sock
	events uint32
}

// bellSlot is what the kernel tells of the bell.
const bellSlot = -1

// newPoller returns nil if the process cannot have one.
func newPoller() *poller {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: bellSlot})
		if err == nil {
			return &poller{epoll: epoll, bell: bell}
		}
		_ = unix.Close(bell)
	}
	_ = unix.Close(epoll)
	return nil
}

// watch has a socket be watched. It returns nil if that is not possible.
func (l *Loop) watch(conn net.Conn, closes func(), e socket.Events) *sock {
	fd := duplicate(conn)
	if fd < 0 {
		return nil
	}
	l.mu.Lock()
	if l.polls == nil && !l.closing {
		if l.polls = newPoller(); l.polls != nil {
			select { // where it waits now nobody will wake it any more
			case l.wake <- struct{}{}:
			default:
			}
		}
	}
	p := l.polls
	if l.closing {
		p = nil
	}
	l.mu.Unlock()
	if p == nil {
		_ = unix.Close(fd)
		return nil
	}
	s := &sock{poller: p, fd: fd, events: e, interest: unix.EPOLLIN}
	if !p.add(s) {
		_ = unix.Close(fd)
		return nil
	}
	l.guard(closes) // the connection lives on in what was duplicated, of which Go's own poller knows nothing
	return s
}

// duplicate returns a descriptor of the socket of conn that is ours alone; -1: there is none.
func duplicate(conn net.Conn) int {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1
	}
	fd := -1
	err = raw.Control(func(own uintptr) {
		if n, err := unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fd = n
		}
	})
	if err != nil {
		return -1
	}
	return fd
}

// add has the kernel tell of s.
func (p *poller) add(s *sock) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var i int32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
	} else {
		i = int32(len(p.slots))
		p.slots = append(p.slots, slot{})
	}
	at := &p.slots[i]
	at.age++
	at.sock, s.slot, s.age = s, i, at.age
	if unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, s.event()) != nil {
		at.sock = nil
		p.free = append(p.free, i)
		return false
	}
	return true
}

// remove gives up the slot of s, and closes it.
func (p *poller) remove(s *sock) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[s.slot].sock = nil
	p.free = append(p.free, s.slot)
	_ = unix.Close(s.fd) // there is no other descriptor of it: the kernel forgets it
}

// wake rings the bell.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.bell, one[:]) // what cannot be added rings already
}

func (p *poller) close() {
	_ = unix.Close(p.bell)
	_ = unix.Close(p.epoll)
}

// wait waits until something is ready.
func (p *poller) wait() {
	n := p.ask(syscall.RawSyscall6, 0) // without telling the scheduler: it costs more than the call
	if n == 0 {
		n = p.ask(syscall.Syscall6, -1)
	}
	p.ready = p.ready[:0]
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events[:n] {
		if e.Fd == bellSlot {
			var count [8]byte
			_, _ = unix.Read(p.bell, count[:])
			continue
		}
		if at := p.slots[e.Fd]; at.sock != nil && at.age == e.Pad {
			p.ready = append(p.ready, ready{at.sock, e.Events})
		}
	}
}

// call is one of package syscall's.
type call func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err syscall.Errno)

func (p *poller) ask(call call, timeout int) int {
	n, _, err := call(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events)), maxEvents, uintptr(timeout), 0, 0)
	if err != 0 {
		return 0
	}
	return int(n)
}

// handle handles what is ready.
func (p *poller) handle(l *Loop) {
	for i := range p.ready {
		r := &p.ready[i]
		l.guard(func() { r.sock.handle(r.events) })
		r.sock = nil
	}
}
