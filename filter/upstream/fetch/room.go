package fetch

import (
	"container/list"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// Room bounds the memory that a worker's clients hold for what was fetched, from when a broker begins to answer until the client's request is
// answered with it, whose session counts it from then on; for what is known of partitions that they may ask for again, and for what is kept as
// long as they are connected. Any goroutine may use it.
//
// While it is used up, brokers' answers are not read any further. What is ready for clients that do not ask for it is dropped then, with what
// is known for them, who has waited for longest first: it is asked for again. A client that waits for more is answered with what is there. So whoever waits here goes on. An answer is always
// read if nothing is held, however long it is.
type Room struct {
	limit int

	mu       sync.Mutex
	held     int
	reserved int       // is not of what is held
	queue    []taker   // who waits
	parked   list.List // of *Polls with something that can be dropped, who has had it for longest at the front
}

var _ link.Room = (*Room)(nil)

// taker waits for room.
type taker struct {
	n      int
	resume func()
}

// NewRoom returns a room for so many bytes.
func NewRoom(limit int64) *Room { return &Room{limit: int(limit)} }

// Take implements link.Room.
func (r *Room) Take(n int, resume func()) bool {
	taken := r.takeOrQueue(n, resume)
	r.makeRoom()
	return taken
}

// Give implements link.Room.
func (r *Room) Give(n int) {
	for _, t := range r.grant(n, 0) {
		t.resume()
	}
}

// Reserve takes n bytes for what is kept for a client as long as it is connected, if there is room: answers have the larger part of it.
func (r *Room) Reserve(n int) bool {
	if !r.reserve(n) {
		return false
	}
	r.makeRoom()
	return true
}

// Return gives back n bytes that were reserved.
func (r *Room) Return(n int) {
	for _, t := range r.grant(0, n) {
		t.resume()
	}
}

// Held is how many bytes are held now.
func (r *Room) Held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

func (r *Room) reserve(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reserved+n > r.limit/4 {
		return false
	}
	r.reserved += n
	return true
}

// takeOrQueue takes n bytes, or says that somebody waits for them.
func (r *Room) takeOrQueue(n int, resume func()) (taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if taken = resume == nil || len(r.queue) == 0 && r.fits(n); taken {
		r.held += n
	} else {
		r.queue = append(r.queue, taker{n, resume})
	}
	return taken
}

// grant gives back bytes that were held, and such that were reserved, and returns those that have room now.
func (r *Room) grant(held, reserved int) (granted []taker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= held
	r.reserved -= reserved
	for len(r.queue) > 0 && r.fits(r.queue[0].n) {
		r.held += r.queue[0].n
		granted = append(granted, r.queue[0])
		r.queue = r.queue[1:]
	}
	return granted
}

// most is how many bytes one answer should have at most.
func (r *Room) most() int { return max(r.limit/4, leastRoom) }

// leastRoom is what an answer may have in any case.
const leastRoom = 64 << 10

// fits says whether there is room. r.mu is held.
func (r *Room) fits(n int) bool { return r.held == 0 || r.held+r.reserved+n <= r.limit }

// makeRoom has what is ready leave, while somebody waits or there is too much.
func (r *Room) makeRoom() {
	for p, stored := r.longestParked(); p != nil; p, stored = r.longestParked() {
		p.dropUnwanted()
		r.Give(stored)
	}
}

// longestParked takes out whose is to leave, and says what is to be given back for it then; nil: nobody's is.
func (r *Room) longestParked() (p *Polls, stored int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.parked.Front()
	if e == nil || len(r.queue) == 0 && r.held+r.reserved <= r.limit {
		return nil, 0
	}
	p = e.Value.(*Polls) //nolint:forcetypeassert // there is nothing else
	return p, r.remove(p)
}

// park says that p has something that can be dropped, which leaves at once if there is no room for it. So much of it is not counted yet.
func (r *Room) park(p *Polls, stored int) {
	r.append(p, stored)
	r.makeRoom()
}

// append puts p behind those that are parked, unless it is among them.
func (r *Room) append(p *Polls, stored int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.parked == nil {
		p.parked = r.parked.PushBack(p)
	}
	r.held += stored - p.stored
	p.stored = stored
}

// leave says that p has nothing of that kind any more.
func (r *Room) leave(p *Polls) {
	if stored := r.unpark(p); stored > 0 {
		r.Give(stored)
	}
}

func (r *Room) unpark(p *Polls) (stored int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remove(p)
}

// remove takes p out of those that are parked, and says what is to be given back for it. r.mu is held.
func (r *Room) remove(p *Polls) (stored int) {
	if p.parked != nil {
		r.parked.Remove(p.parked)
		p.parked = nil
	}
	stored, p.stored = p.stored, 0
	return stored
}
