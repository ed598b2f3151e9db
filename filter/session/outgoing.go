package session

import "sync"

const (
	// joinBelow is how long parts are that are copied together: one long part is written faster than several short ones.
	joinBelow = 4 << 10
	// maxJoined and maxParts are how much is kept, of the buffer that they are copied to and of the list of parts, for the next time.
	maxJoined = 64 << 10
	maxParts  = 64
)

// joined has buffers for short parts. A session holds one only while it writes.
var joined = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a pool is shared

// outgoing is the answers that leave in one write. The goroutine that acts for the session has it alone.
type outgoing struct {
	parts [][]byte
	short int // parts that are short
	bytes int
}

// add adds a response behind the others.
func (o *outgoing) add(frame []byte, parts [][]byte) {
	if frame == nil {
		return
	}
	o.addPart(frame)
	for _, p := range parts {
		o.addPart(p)
	}
}

func (o *outgoing) addPart(p []byte) {
	if len(p) == 0 {
		return
	}
	o.parts = append(o.parts, p)
	o.bytes += len(p)
	if len(p) < joinBelow {
		o.short++
	}
}

// size is how many bytes there are to write.
func (o *outgoing) size() int { return o.bytes }

// write writes all to c, and lets go of it. It reports what c says. Who has lent c what is written is told when that is sent.
func (o *outgoing) write(c Conn, lent releases) (outputFull bool) {
	parts := o.parts
	var buffer *[]byte
	if o.short > 1 {
		buffer = joined.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
		parts, *buffer = join(parts, (*buffer)[:0])
	}
	if len(lent) == 0 {
		outputFull = c.Writev(parts, nil)
		giveJoined(buffer)
	} else {
		outputFull = c.Writev(parts, func() {
			giveJoined(buffer)
			lent.run()
		})
	}
	clear(o.parts)
	if o.parts = o.parts[:0]; cap(o.parts) > maxParts {
		o.parts = nil
	}
	o.short, o.bytes = 0, 0
	return outputFull
}

// giveJoined gives back a buffer, if there is one.
func giveJoined(buffer *[]byte) {
	if buffer == nil {
		return
	}
	if cap(*buffer) > maxJoined {
		*buffer = nil
	}
	joined.Put(buffer)
}

// join copies short parts that are next to each other together, to buffer, which it returns grown. It changes parts, of which it
// returns a shorter list of the same bytes.
func join(parts [][]byte, buffer []byte) ([][]byte, []byte) {
	n := 0
	for i := 0; i < len(parts); n++ {
		end := i + 1
		for len(parts[i]) < joinBelow && end < len(parts) && len(parts[end]) < joinBelow {
			end++
		}
		p := parts[i]
		if end > i+1 {
			start := len(buffer)
			for _, short := range parts[i:end] {
				buffer = append(buffer, short...)
			}
			p = buffer[start:len(buffer):len(buffer)]
		}
		parts[n], i = p, end
	}
	return parts[:n], buffer
}
