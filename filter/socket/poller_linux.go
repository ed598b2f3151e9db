package socket

import (
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// pollSize is how much is read at once to the poller's buffer.
	pollSize = 64 << 10
	// maxEvents is how many sockets are handled in one iteration.
	maxEvents = 256
)

// Poller asks the kernel which sockets are ready, for one thread that handles them. Watch and Wake may be called from any goroutine; of
// the others one at a time may run.
type Poller struct {
	guard func(where string, f func())
	epoll int
	file  *os.File // the same, for Go's poller; nil: nobody has waited yet
	bell  int      // an eventfd, for Wake

	mu      sync.Mutex
	slots   []slot
	free    []int32 // slots
	closing bool

	// These belong to whoever handles what is ready.
	events [maxEvents]unix.EpollEvent
	ready  []ready
	next   int // of ready
	more   bool
	one    func() // handles it; made once and not for each
	buf    [pollSize]byte
}

// slot is the place of a socket. What the kernel tells names a slot and its age, so that nobody takes it for the next one's.
type slot struct {
	socket *polled
	age    int32
}

// ready is a socket for which there are events.
type ready struct {
	socket *polled
	events uint32
}

// bellSlot is what the kernel tells of the bell.
const bellSlot = -1

// NewPoller returns a poller whose sockets' events run under guard; nil if the process cannot have one.
func NewPoller(guard func(where string, f func())) *Poller {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: bellSlot})
		if err == nil {
			p := &Poller{guard: guard, epoll: epoll, bell: bell}
			p.one = p.handleNext
			return p
		}
		_ = unix.Close(bell)
	}
	_ = unix.Close(epoll)
	return nil
}

// FD is ready for reading when a socket is.
func (p *Poller) FD() int { return p.epoll }

// Watch makes a Socket of conn, as a Watcher does; nil if it is none that the kernel tells of.
//
//nolint:ireturn // as Watcher has it
func (p *Poller) Watch(conn net.Conn, closes func(), e Events) Socket {
	fd := duplicate(conn)
	if fd < 0 {
		return nil
	}
	s := &polled{poller: p, fd: fd, events: e, interest: unix.EPOLLIN}
	if !p.add(s) {
		_ = unix.Close(fd)
		return nil
	}
	p.guard("hang up", closes) // the connection lives on in what was duplicated, of which Go's own poller knows nothing
	return s
}

// Wake ends a Wait.
func (p *Poller) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.bell, one[:]) // what cannot be added rings already
}

// Wait waits until something is ready, which is for Handle. It reports false if something was ready at once.
func (p *Poller) Wait() (waited bool) {
	told := p.ask()
	if waited = told == 0; waited {
		_ = p.wait(func(uintptr) bool { // it fails when nobody may wait any more
			told = p.ask()
			return told > 0
		})
	}
	p.collect(told)
	return waited
}

// Look finds what is ready now, for Handle.
func (p *Poller) Look() { p.collect(p.ask()) }

// Handle has the events of what is ready, and reports whether there may be more of them at once.
func (p *Poller) Handle() (more bool) {
	p.more = len(p.ready) == maxEvents
	for p.next = range p.ready {
		p.guard("socket", p.one)
		p.ready[p.next].socket = nil
	}
	return p.more
}

// Close ends the poller: sockets have no events any more, and may be closed later. Nothing else of it is called any more.
func (p *Poller) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	p.closeIfEmpty()
}

// closeIfEmpty lets go of what the process has for a poller that is closed, when its last socket is. p.mu is held.
func (p *Poller) closeIfEmpty() {
	if p.closing && len(p.free) == len(p.slots) {
		_ = unix.Close(p.bell)
		if p.file != nil {
			_ = p.file.Close()
		} else {
			_ = unix.Close(p.epoll)
		}
	}
}

func (p *Poller) handleNext() {
	r := p.ready[p.next]
	if r.socket.handle(r.events) {
		p.more = true
	}
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
func (p *Poller) add(s *polled) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	var i int32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
	} else {
		i = int32(len(p.slots))
		p.slots = append(p.slots, slot{})
	}
	at := &p.slots[i]
	at.age++
	at.socket, s.slot, s.age = s, i, at.age
	if unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, s.event()) != nil {
		at.socket = nil
		p.free = append(p.free, i)
		return false
	}
	return true
}

// remove gives up the slot of s, and closes it.
func (p *Poller) remove(s *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[s.slot].socket = nil
	p.free = append(p.free, s.slot)
	_ = unix.Close(s.fd) // there is no other descriptor of it: the kernel forgets it
	p.closeIfEmpty()
}

// collect keeps the sockets that the kernel has told of.
func (p *Poller) collect(told int) {
	p.ready = p.ready[:0]
	if told == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events[:told] {
		if e.Fd == bellSlot {
			var count [8]byte
			_, _ = unix.Read(p.bell, count[:])
			continue
		}
		if at := p.slots[e.Fd]; at.socket != nil && at.age == e.Pad {
			p.ready = append(p.ready, ready{at.socket, e.Events})
		}
	}
}

// ask asks the kernel what is ready now.
func (p *Poller) ask() int {
	n, _, err := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events)), maxEvents, 0, 0, 0)
	if err != 0 {
		return 0
	}
	return int(n)
}

// wait calls ready now, and whenever a socket becomes ready, until it says true. It is Go's poller that waits: a thread that waits in the
// kernel keeps a right to run Go (a P), which costs the runtime more to take back than all of a small request.
func (p *Poller) wait(ready func(fd uintptr) bool) error {
	if p.file == nil {
		if err := unix.SetNonblock(p.epoll, true); err != nil { // or os would not have Go's poller watch it
			return err
		}
		p.file = os.NewFile(uintptr(p.epoll), "epoll")
	}
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(ready)
}
