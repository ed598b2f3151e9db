package contrib

import (
	"net/netip"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

const (
	// mostUnread is how much a client is written before it is looked at whether it reads.
	mostUnread = 1 << 20
	// leastPause is after how long it is looked at again; that doubles up to mostPause.
	leastPause, mostPause = 5 * time.Millisecond, time.Second
)

// backlog knows whether a client reads what it is written. Envoy keeps what is not sent and says nothing of it, but the kernel says whether the
// client has taken all that Envoy has sent: as long as it has not, Envoy may have more, and when it has, Envoy has sent all. Its conn's mutex
// guards it.
type backlog struct {
	unread  func(local, remote netip.AddrPort) (n int, ok bool) // socket.Unread
	local   netip.AddrPort
	remote  netip.AddrPort // neither is valid if nobody can be asked
	written int            // since the client had taken all, as far as that is known
	full    bool           // it has not
	pause   time.Duration
	timer   *time.Timer // looks again; nil before
}

// init says whose connection it is.
func (b *backlog) init(local, remote string) {
	b.unread = socket.Unread
	l, err := netip.ParseAddrPort(local)
	if err != nil {
		return // a Unix socket
	}
	if r, err := netip.ParseAddrPort(remote); err == nil {
		b.local, b.remote = l, r
	}
}

// add says that n bytes more are written, and reports whether the client has more to read than is good. look is called after a while if so.
func (b *backlog) add(n int, look func()) (full bool) {
	b.written += n
	if b.full || b.written <= mostUnread || !b.local.IsValid() {
		return b.full
	}
	if _, ok := b.unread(b.local, b.remote); !ok { // not the kernel's own addresses, or in another network namespace
		b.written = 0
		return false
	}
	b.full, b.pause = true, leastPause
	if b.timer == nil {
		b.timer = time.AfterFunc(b.pause, look)
	} else {
		b.timer.Reset(b.pause)
	}
	return true
}

// review reports whether a client has taken all that had more to read than is good.
func (b *backlog) review() (drained bool) {
	if !b.full {
		return false
	}
	if n, ok := b.unread(b.local, b.remote); ok && n > 0 {
		return false
	}
	b.full, b.written = false, 0
	b.timer.Stop()
	return true
}

// later has it looked at again, unless that is over.
func (b *backlog) later() {
	if b.full {
		b.pause = min(2*b.pause, mostPause)
		b.timer.Reset(b.pause)
	}
}

// end has it looked at no more.
func (b *backlog) end() {
	b.full, b.local = false, netip.AddrPort{}
	if b.timer != nil {
		b.timer.Stop()
	}
}
