package link

import (
	"sync"
	"sync/atomic"
	"time"
)

// Room bounds the memory of answers. Any goroutine may call it, with no lock held that a resume takes.
type Room interface {
	// Take takes n bytes, and reports false if there is no room for them: then they are taken later, and resume is called, once. Without
	// resume they are taken in any case.
	Take(n int, resume func()) bool
	// Give gives back n bytes.
	Give(n int)
}

// room is what a link holds of its Room.
type room struct {
	waits atomic.Bool // for room, and does not read meanwhile

	holding sync.Mutex
	left    bool // the link has ended
	held    int  // for the answer that is read
}

// takeOrWait takes room for an answer that is about to be read. It reports false if there is none: then nothing is read until there is.
// One that has come whole does not wait: nothing would tell of it.
func (l *Link) takeOrWait(n int, whole bool) bool {
	to := l.settings.Room
	if to == nil || l.holds(n) {
		return true
	}
	if whole {
		l.takeRoom(n)
		return true
	}
	l.waits.Store(true)
	if to.Take(n, func() { l.resume(n) }) {
		l.hold(n)
		l.waits.Store(false)
		return true
	}
	l.socket.Pause(true)
	if !l.waits.Load() { // there was room meanwhile
		l.socket.Pause(false)
	}
	return false
}

// holds says that the link has waited for so much, and has it now.
func (l *Link) holds(n int) bool {
	l.holding.Lock()
	defer l.holding.Unlock()
	return l.held == n
}

// resume has reading go on: there is room.
func (l *Link) resume(n int) {
	if !l.hold(n) {
		return
	}
	l.hear()
	l.waits.Store(false)
	l.socket.Pause(false)
}

// hear says that the broker is not to be blamed for the time up to now.
func (l *Link) hear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
}

// hold takes note of what was taken. It reports false if nobody needs it any more.
func (l *Link) hold(n int) bool {
	l.holding.Lock()
	left := l.left
	if !left {
		l.held += n
	}
	l.holding.Unlock()
	if left {
		l.settings.Room.Give(n)
	}
	return !left
}

// takeRoom takes room for what is here already, however much there is.
func (l *Link) takeRoom(n int) {
	if l.settings.Room != nil {
		l.settings.Room.Take(n, nil)
		l.hold(n)
	}
}

// giveRoom gives back what an answer holds that nobody keeps.
func (l *Link) giveRoom(n int) {
	if l.settings.Room != nil && l.entrust(n) {
		l.settings.Room.Give(n)
	}
}

// entrust leaves what an answer holds to who has kept it. It reports false if the link holds nothing any more.
func (l *Link) entrust(n int) bool {
	l.holding.Lock()
	defer l.holding.Unlock()
	if l.settings.Room == nil || l.left {
		return false
	}
	l.held -= n
	return true
}

// leaveRoom gives back all that the link holds, which has ended.
func (l *Link) leaveRoom() {
	l.holding.Lock()
	held := l.held
	l.held, l.left = 0, true
	l.holding.Unlock()
	if held > 0 {
		l.settings.Room.Give(held)
	}
}
