package notices

import (
	"hash/maphash"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// interval is how long after a line the log has no other of its reason and software. Then it has a summary.
	interval = time.Minute
	// maxClients is how many clients are told apart in a summary, and maxSubjects how many topics or APIs it names.
	maxClients  = 256
	maxSubjects = 5
	// maxApart is how many series there are at a time that are about one thing. Others are one series together.
	maxApart = 20
)

// series is what the log has one line of in an interval. There are as many as reasons, times labels of software; and a few that are about
// one thing that was denied to one client.
type series struct {
	reason, software string
	about            uint64 // a hash; 0: it is about all
}

// lines bounds how often the log tells of the same. Any goroutine may use it.
type lines struct {
	guard func(where string, call func())

	mu     sync.Mutex
	open   map[series]*tally
	apart  int // of these, how many are about one thing
	closed bool
}

// tally is what was left out of one series since its line.
type tally struct {
	began    time.Time
	times    int
	clients  map[uint64]struct{} // hashes of whose they were
	subjects []string            // what they were about, each once

	summarize func(*tally)
	timer     *time.Timer
}

//nolint:gochecknoglobals // a hash wants a seed
var seed = maphash.MakeSeed()

// admit reports whether the log may have a line of something that happened to a client, about subject. If not, it is counted, and
// summarize is called with what was counted, when the interval is over.
func (l *lines) admit(s series, c Client, subject string, summarize func(*tally)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.open[s] == nil && s.about != 0 && l.apart >= maxApart {
		s.about = 0
	}
	t := l.open[s]
	if t == nil {
		if s.about != 0 {
			l.apart++
		}
		if l.open == nil {
			l.open = map[series]*tally{}
		}
		l.open[s] = &tally{began: time.Now(), summarize: summarize, timer: time.AfterFunc(interval, func() {
			l.guard("log", func() { l.end(s) })
		})}
		return true
	}
	t.count(c, subject)
	return false
}

// count counts what happened to one more client.
func (t *tally) count(c Client, subject string) {
	t.times++
	if len(t.clients) < maxClients {
		if t.clients == nil {
			t.clients = map[uint64]struct{}{}
		}
		t.clients[c.hash()] = struct{}{}
	}
	if subject != "" && len(t.subjects) < maxSubjects && !slices.Contains(t.subjects, subject) {
		t.subjects = append(t.subjects, subject)
	}
}

// hash is of who the client is, whatever connection it comes by: its host and what it calls itself.
func (c *Client) hash() uint64 {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		host = c.Address
	}
	return maphash.Comparable(seed, [2]string{host, c.ID})
}

// end ends the interval of a series.
func (l *lines) end(s series) {
	if t := l.forget(s); t != nil && t.times > 0 {
		t.summarize(t)
	}
}

// forget takes out what was counted, and has the next of the series be logged.
func (l *lines) forget(s series) *tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.open[s]
	if t != nil && s.about != 0 {
		l.apart--
	}
	delete(l.open, s)
	return t
}

// shut takes no more lines, and returns what was counted.
func (l *lines) shut() map[series]*tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.open
	l.open, l.closed = nil, true
	return open
}

// close ends the logging for good, with the summaries of what was left out until now.
func (l *lines) close() {
	for _, t := range l.shut() {
		if t.timer.Stop() && t.times > 0 {
			t.summarize(t)
		}
	}
}
