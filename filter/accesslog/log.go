package accesslog

import (
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

const (
	// maxWaiting is how many bytes of a log's lines wait to be written. What comes above it is dropped.
	maxWaiting = 1 << 20
	// urgent is from how many on they do not wait for company.
	urgent = maxWaiting / 4
)

// Options is what a Log is opened with.
type Options struct {
	Choice Choice
	// Written and Dropped count lines: those that have got to the file, and those that have not and never will.
	Written, Dropped stats.Value
}

// Log is the lines of one configuration. A nil Log is off. Any goroutine may use it; nothing waits but Flush and Close.
type Log struct {
	options Options
	writer  *writer
	last    func(*Log) bool // takes it from its writer

	buffers sync.Pool // of *[]byte, for lines

	mu      sync.Mutex
	waiting []byte // whole lines
	count   int    // how many
	taken   int    // how many are being written
	state   state
}

// state is how far the life of a log has come.
type state uint8

const (
	open   state = iota // lines are taken
	ending              // what waits is still written
	over                // nothing counts
)

// Chooses says whether a request is told of. The caller then calls Write.
func (l *Log) Chooses(failed bool, took time.Duration) bool {
	return l != nil && l.options.Choice.Chooses(failed, took)
}

// Write has the line of an entry written, later, or drops it. It keeps nothing of the entry.
func (l *Log) Write(e *Entry) {
	buffer, _ := l.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	line := append(e.AppendJSON((*buffer)[:0]), '\n')
	first, many := l.add(line)
	*buffer = line
	l.buffers.Put(buffer)
	if first {
		send(l.writer.awake)
	}
	if many {
		send(l.writer.urgent)
	}
}

// Flush waits until what was written before is in the file, for a second at most.
func (l *Log) Flush() {
	if l != nil {
		l.writer.wait(l.writer.flush())
	}
}

// Close writes what waits, for a second at most, and ends the log: what is written to it from now on is neither in the file nor
// counted. Once.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.become(ending)
	if l.last(l) {
		l.writer.close()
	} else {
		l.Flush()
	}
	l.become(over)
}

// add has a line wait, if there is room. It says whether it is the first, and whether there are now many.
func (l *Log) add(line []byte) (first, many bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	had := len(l.waiting)
	if l.state != open {
		return false, false
	}
	if had+len(line) > maxWaiting {
		l.options.Dropped.Add(1)
		return false, false
	}
	l.waiting = append(l.waiting, line...)
	l.count++
	return had == 0, had < urgent && len(l.waiting) >= urgent
}

// take takes out what waits, to be written, and has what comes wait in the memory of room. If nothing waits, room is given back.
func (l *Log) take(room []byte) (lines []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return room[:0]
	}
	lines, l.waiting = l.waiting, room[:0]
	l.taken, l.count = l.count, 0
	return lines
}

// tell counts what was taken: so many lines are in the file.
func (l *Log) tell(written int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != over {
		l.options.Written.Add(int64(written))
		l.options.Dropped.Add(int64(l.taken - written))
	}
	l.taken = 0
}

// become is the next state. In the last one, what is not in the file never will be counted as that.
func (l *Log) become(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	if s == over {
		l.options.Dropped.Add(int64(l.count + l.taken))
	}
}
