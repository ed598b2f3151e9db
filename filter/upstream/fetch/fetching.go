package fetch

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Fetching is one request of a client to one cluster, until it is answered. The mutex of its Polls guards it.
type Fetching struct {
	polls   *Polls
	number  uint64
	version int16
	request *wire.FetchRequest
	news    func()
	end     time.Time // of the client's patience
	limited bool      // which is longer, but brokers are not to wait for so long

	partitions []*partition // in the order of the request; one that is named twice is there twice
	open       int          // partitions of which nothing is known yet
	bytes      int          // that are ready
	urgent     bool         // something is ready that the client is to be told at once
	throttle   int32        // the longest that a broker asked for, in milliseconds
}

// leastLeft is how much of a client's patience has to be left for a broker to be polled again.
const leastLeft = 10 * time.Millisecond

// slowDial is after how long a client is told that a broker cannot be reached which still is being connected to.
const slowDial = 3 * time.Second

// Ready says how many bytes of records are ready; whether the client is to be told at once, however few that are; and whether nothing
// more will come.
func (f *Fetching) Ready() (bytes int, urgent, complete bool) {
	f.polls.mu.Lock()
	defer f.polls.mu.Unlock()
	complete = f.open == 0 || f.polls.closed
	return f.bytes, f.urgent || f.limited && complete, complete
}

// Take ends the Fetching. into has a place for each partition, as the request has them, and gets what is known of it. Of what is ready it
// gets most bytes at most, but the records of one partition in any case if some may be taken. It returns how many bytes that is, and for how
// long brokers ask the client to wait. release has to be called once nobody reads the records any more: any goroutine may do so, with any lock
// held. Their memory is counted by who takes them from now on.
func (f *Fetching) Take(most int, some bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, release func()) {
	bytes, throttleMillis, taken := f.take(most, some, into)
	held, copied := taken.detach()
	copied.drop()
	held.leave()
	f.polls.park()
	return bytes, throttleMillis, held.free
}

// take is Take, but for what is to be done when no lock is held.
func (f *Fetching) take(most int, some bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, taken parcels) {
	p := f.polls
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == f {
		p.current = nil
	}
	at := 0
	for i := range into {
		for j := range into[i] {
			known := f.partitions[at]
			at++
			size := len(known.result.Records)
			if known.number != f.number || known.state != isReady || size > 0 && bytes+size > most && (bytes > 0 || !some) {
				into[i][j] = known.placeholder(f.lack(known))
				continue
			}
			from, result := known.take()
			into[i][j] = result
			taken.add(from, &into[i][j])
			bytes += size
		}
	}
	p.tidyReady()
	return bytes, f.throttle, taken
}

// lack is what a client is told of a partition without news.
func (f *Fetching) lack(known *partition) wire.ErrorCode {
	switch {
	case known.state == isLacked,
		known.state == isOpen && known.poll != nil && known.poll.line.dialsFor() > slowDial:
		return wire.NotLeaderOrFollower
	default:
		return wire.None
	}
}

// count counts a partition of which something is ready. The mutex is held.
func (f *Fetching) count(known *partition) {
	f.open--
	f.bytes += len(known.result.Records)
	f.urgent = f.urgent || known.poll != nil && isUrgent(&known.result) // what no broker was asked for does not end the waiting for the rest
}

// left is how much is left of the client's patience.
func (f *Fetching) left() time.Duration { return time.Until(f.end) }
