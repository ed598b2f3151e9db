package session

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
//   - over the limit, a session whose request has more than its fair share and needs more memory lacks room: it is paused until
//     there is some, the request that began first before the others;
//   - the oldest request of all always has room: there is always one that can finish, and after it the next;
//   - a session that is paused may still be handed what the host had read before. So at twice the limit, the oldest not
//     counted, the session that holds most, the oldest excepted, has to go.
//
// A request that does not get on in time ends its session (see input.watch), so the oldest cannot hold up the others; while some lack
// room, that is a tenth of the time.
type arrivals struct {
	limit int64
	share int64       // what the request of any session may have when the limit is reached
	short atomic.Bool // more than half of the limit is held: spend only on what has come

	mu      sync.Mutex
	held    int64
	queue   list.List // of *Session, the one whose request began first at the front
	lacking int       // sessions in the queue that lack room
}

// arrival is the request of one session that is not whole yet, if there is one. Unless a field says otherwise, the mutex of its
// worker's arrivals guards it.
type arrival struct {
	element  *list.Element // in the queue while it holds something
	held     int64
	gone     bool
	lacks    atomic.Bool // the session lacks room; it changes under the mutex
	reported int64       // held, as the goroutine that takes requests has told last; of that goroutine alone
}

// decision is what arrivals asks its caller to do, once no lock is held.
type decision struct {
	pump  []*Session // whose want of room has begun or ended
	evict *Session   // which has to go; nil: none
}

// recount takes note of what the goroutine that takes requests is about to tell, and reports whether it is news.
func (a *arrival) recount(held int64) bool {
	if a.reported == held {
		return false
	}
	a.reported = held
	return true
}

// lacksRoom reports whether the session has to wait until there is room for more of its request.
func (a *arrival) lacksRoom() bool { return a.lacks.Load() }

// init sets the bound: half of what may be in flight.
func (q *arrivals) init(l Limits) { q.limit, q.share = l.MaxWorkerBytes/2, l.MaxWorkerBytes/fairShare }

// isShort reports whether memory should be spent only on what has come, not on what was announced.
func (q *arrivals) isShort() bool { return q.short.Load() }

// areWaitedFor reports whether sessions lack room.
func (q *arrivals) areWaitedFor() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lacking > 0
}

// hold says that the request of s that is not whole yet has n bytes of memory now; 0: there is no such request.
func (q *arrivals) hold(s *Session, n int64) (d decision) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := &s.arrival
	if a.gone {
		return d
	}
	if n == 0 {
		d.pump = q.remove(s)
		return d
	}
	q.held += n - a.held
	a.held = n
	if a.element == nil {
		a.element = q.queue.PushBack(s)
	}
	q.short.Store(q.held > q.limit/2)
	if q.held > q.limit && n > q.share && a.element != q.queue.Front() && q.setLacking(s, true) {
		d.pump = append(d.pump, s)
	}
	d.evict = q.largest()
	return d
}

// forget drops a session that has ended, for good.
func (q *arrivals) forget(s *Session) (d decision) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d.pump = q.remove(s)
	s.arrival.gone = true
	return d
}

// resumeAll has every session go on that lacks room. The oldest request has just turned out to be one that will not be finished, and
// there may be more: which those are shows only once their clients may send.
func (q *arrivals) resumeAll() []*Session {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.resume(math.MaxInt64)
}

// remove takes s out of the queue and lets others have the room. It returns those that lack room no longer. q.mu is held.
func (q *arrivals) remove(s *Session) (resumed []*Session) {
	if s.arrival.element == nil {
		return nil
	}
	q.held -= s.arrival.held
	q.short.Store(q.held > q.limit/2)
	q.queue.Remove(s.arrival.element)
	s.arrival.held, s.arrival.element = 0, nil
	if q.setLacking(s, false) {
		resumed = append(resumed, s)
	}
	return append(resumed, q.resume(q.limit-q.held)...)
}

// resume has the oldest request go on, and of the others as many as there is room for, the oldest first. q.mu is held.
func (q *arrivals) resume(room int64) (resumed []*Session) {
	for e := q.queue.Front(); e != nil && q.lacking > 0; e = e.Next() {
		s := e.Value.(*Session) //nolint:forcetypeassert // the queue holds nothing else
		if !s.arrival.lacksRoom() {
			continue
		}
		room -= s.arrival.held // a buffer that grows doubles
		if room < 0 && e != q.queue.Front() {
			break
		}
		q.setLacking(s, false)
		resumed = append(resumed, s)
	}
	return resumed
}

// setLacking sets whether s lacks room, and reports whether that is news. q.mu is held.
func (q *arrivals) setLacking(s *Session, on bool) bool {
	if s.arrival.lacks.Swap(on) == on {
		return false
	}
	if on {
		q.lacking++
	} else {
		q.lacking--
	}
	return true
}

// largest is the session that holds most, the one with the oldest request excepted, once the others hold twice the
// limit; before that nil. q.mu is held.
func (q *arrivals) largest() (most *Session) {
	front := q.queue.Front()
	if q.held-front.Value.(*Session).arrival.held <= 2*q.limit { //nolint:forcetypeassert // as in resume
		return nil
	}
	for e := front.Next(); e != nil; e = e.Next() {
		s := e.Value.(*Session) //nolint:forcetypeassert // as in resume
		if most == nil || s.arrival.held > most.arrival.held {
			most = s
		}
	}
	return most
}
