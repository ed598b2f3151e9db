package link

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Call is one request, of whatever API. Of a call that a link has taken it calls either Answer or Fail, once; what panics in Answer is
// not called again.
type Call interface {
	// API says what the call is, and the versions of it that it can be written in.
	API() (key wire.APIKey, least, most int16)
	// Append appends to segments the whole request, length and header included, to be written in this order: what is made for it is
	// appended to scratch, what is there already may be aliased. It returns both slices, as append does. What it aliases must not
	// change until the call is answered or has failed.
	Append(scratch []byte, segments [][]byte, h Head) ([]byte, [][]byte)
	// Answer takes the broker's answer. An error ends the link. It must not wait.
	Answer(a *Answer) error
	// Fail says that there will be no answer. Unless something of it was sent, the broker knows nothing of it.
	Fail(err error, sent bool)
	// Deadline is when the answer is overdue. Zero: whenever it comes is early enough.
	Deadline() time.Time
}

// Head is what the link says in the header of a request.
type Head struct {
	Version       int16
	CorrelationID int32
	ClientID      string
}

// Answer is what a broker answered to a call.
type Answer struct {
	// Version is that of the request.
	Version int16

	link        *Link
	correlation int32
	whole       []byte      // its body and the correlation id before it
	frame       *wire.Frame // that has those bytes; nil: they are there until Call.Answer returns
	kept        bool
}

// Body is what follows the correlation id. It is there until Call.Answer returns.
func (a *Answer) Body() []byte { return a.whole[correlationSize:] }

// Kept says that Body has a frame of its own already, so that it costs nothing to keep it.
func (a *Answer) Kept() bool { return a.frame != nil }

// Keep makes Body the caller's, to be kept.
func (a *Answer) Keep() []byte {
	a.KeepFrame()
	return a.Body()
}

// KeepFrame is Keep for who releases the frame that Body is in, and then gives back to Settings.Room the Memory of it.
func (a *Answer) KeepFrame() *wire.Frame {
	if a.frame == nil {
		a.frame = wire.NewFrame(len(a.whole))
		copy(a.frame.Bytes(), a.whole)
		a.whole = a.frame.Bytes()
		a.link.takeRoom(a.Memory())
	}
	a.kept = true
	return a.frame
}

// Memory is how much of Settings.Room an answer holds that is kept.
func (a *Answer) Memory() int { return wire.FrameMemory(len(a.whole)) }

// Owner is who uses a link. The link calls it from its goroutines, and with no lock held; it must not wait. Ready may be called while
// another of them is.
type Owner interface {
	// Ready says that the link takes calls: it is connected, or what it could not write at once is written.
	Ready(l *Link)
	// Answering comes before answers that were read together are given to their calls, and Answered after it: there is room for others.
	Answering()
	Answered()
	// Ended is the last that is heard of the link: every call has been answered or has failed, and nobody reads what it was made of.
	Ended(err error)
}
