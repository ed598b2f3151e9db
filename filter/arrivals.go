package filter

import (
	"container/list"
	"math"
	"sync"
	"sync/atomic"
)

// arrivals bounds the memory of the requests that have begun to arrive at one worker and are not whole yet. Any goroutine
// may use it.
//
// Only the clients can drain them: a request that is never finished would be held for ever, and if all that hold memory
// waited for more, none would finish. Therefore:
//   - over the limit, a session whose request needs more memory starves: it is paused until there is room, the request
//     that began first before the others;
//   - the oldest request of all never starves: there is always one that can finish, and after it the next;
//   - a session that is paused may still be handed what the host had read before. So at twice the limit, the oldest not
//     counted, the session that holds most, the oldest excepted, has to go.
//
// A request that does not get on in time ends its session (see Session.watch), so the oldest cannot hold up the others.
type arrivals struct {
	limit int64
	short atomic.Bool // more than half of the limit is held: spend only on what has come

	mu      sync.Mutex
	held    int64
	queue   list.List // of *Session, the one whose request began first at the front
	starved int       // sessions in the queue that starve
}

// arrival is the request of one session that is not whole yet, if there is one. It is guarded by the mutex of its
// worker's arrivals.
type arrival struct {
	element *list.Element // in the queue while it holds something
	held    int64
	gone    bool
}

// verdict is what arrivals asks its caller to do, once no lock is held.
type verdict struct {
	pump  []*Session // whose starving has changed
	evict *Session   // which has to go; nil: none
}

// hold says that the request of s that is not whole yet has n bytes of memory now; 0: there is no such request.
func (q *arrivals) hold(s *Session, n int64) (v verdict) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := &s.arrival
	if a.gone {
		return v
	}
	if n == 0 {
		v.pump = q.remove(s)
		return v
	}
	q.held += n - a.held
	a.held = n
	if a.element == nil {
		a.element = q.queue.PushBack(s)
	}
	q.short.Store(q.held > q.limit/2)
	if q.held > q.limit && a.element != q.queue.Front() && q.starve(s, true) {
		v.pump = append(v.pump, s)
	}
	v.evict = q.greediest()
	return v
}

// forget drops a session that has ended, for good.
func (q *arrivals) forget(s *Session) (v verdict) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v.pump = q.remove(s)
	s.arrival.gone = true
	return v
}

// relent has all go on that starve. The oldest request has just turned out to be one that will not be finished, and there
// may be more: whose those are shows only once they may send.
func (q *arrivals) relent() []*Session {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.feed(math.MaxInt64)
}

// remove takes s out of the queue and lets others have the room. It returns those that starve no longer. q.mu is held.
func (q *arrivals) remove(s *Session) (fed []*Session) {
	if s.arrival.element == nil {
		return nil
	}
	q.held -= s.arrival.held
	q.short.Store(q.held > q.limit/2)
	q.queue.Remove(s.arrival.element)
	s.arrival.held, s.arrival.element = 0, nil
	if q.starve(s, false) {
		fed = append(fed, s)
	}
	return append(fed, q.feed(q.limit-q.held)...)
}

// feed has the oldest request go on, and of the others as many as there is room for, the oldest first. q.mu is held.
func (q *arrivals) feed(room int64) (fed []*Session) {
	for e := q.queue.Front(); e != nil && q.starved > 0; e = e.Next() {
		s := e.Value.(*Session) //nolint:forcetypeassert // the queue holds nothing else
		if !s.starving.Load() {
			continue
		}
		room -= s.arrival.held // a buffer that grows doubles
		if room < 0 && e != q.queue.Front() {
			break
		}
		q.starve(s, false)
		fed = append(fed, s)
	}
	return fed
}

// starve sets whether s starves, and reports whether that is news. q.mu is held.
func (q *arrivals) starve(s *Session, on bool) bool {
	if s.starving.Swap(on) == on {
		return false
	}
	if on {
		q.starved++
	} else {
		q.starved--
	}
	return true
}

// greediest is the session that holds most, the one with the oldest request excepted, once the others hold twice the
// limit; before that nil. q.mu is held.
func (q *arrivals) greediest() (most *Session) {
	front := q.queue.Front()
	if q.held-front.Value.(*Session).arrival.held <= 2*q.limit { //nolint:forcetypeassert // as in feed
		return nil
	}
	for e := front.Next(); e != nil; e = e.Next() {
		s := e.Value.(*Session) //nolint:forcetypeassert // as in feed
		if most == nil || s.arrival.held > most.arrival.held {
			most = s
		}
	}
	return most
}
