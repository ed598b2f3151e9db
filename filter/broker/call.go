package broker

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Call is one request of a client on its way to its answer.
type Call struct {
	// Client is who asks.
	Client *Client
	Header wire.Header
	// Body is what follows the header. It points into Frame.
	Body []byte
	// Frame is the whole request. The session releases it once the request is answered: nobody reads it or Body after that.
	Frame *wire.Frame
	// Received is when all of the request had come.
	Received time.Time
	// Note, if not nil, is where what the access log tells of the request is taken down.
	Note *Note

	Reply
}

// Reply is the way back to the client, as its session gives it to a Call. Its methods may be called from any goroutine.
type Reply interface { //nolint:interfacebloat // all that can be done with a request
	// Hold counts n bytes more that are kept until the request is answered: what it was decoded to, or its response. It reports
	// false when there is no room for them: then the request comes to a violation.
	Hold(n int) bool
	// Shed gives back the frame, and what is held for the request but for its place: nobody reads Frame, Body and the client id any more.
	Shed()
	// Answer ends the request. Once.
	Answer(a Answer)
	// AnswerAfter is Shed, and Answer after some time, or as soon as the client is gone.
	AnswerAfter(d time.Duration, a Answer)
	Order
	// OnEnd has call run once, when the client's connection is gone: by the goroutine that says so, or at once if it is gone already.
	// Whoever needs it no longer calls forget, which does not wait for a call that has begun.
	OnEnd(call func()) (forget func())
	// After has call run once after some time, unless stop is called before.
	After(d time.Duration, call func()) (stop func())
}

// Order is a request's place among the others of its client. Its methods may be called from any goroutine.
type Order interface {
	// Barrier has no later request of the client be taken until this one is answered, as a login needs it: what comes after it is
	// another user's. It is for before Serve returns: later, there may be requests that have been taken.
	Barrier()
	// WhenNext has call run once, when every request that the client sent before this one is answered, or the client is gone: at once if
	// that is so already, and else from any goroutine. It is for what is not worth its memory any earlier.
	WhenNext(call func())
}

// Answer is what a request comes to.
type Answer struct {
	// Frame is the response with its length; nil if the request gets none.
	Frame []byte
	// Parts follow Frame on the wire, and are counted in its length. The session keeps them until they are written: nobody changes
	// them any more, and none is of the request's frame, which is released before that.
	Parts [][]byte
	// Release, if not nil, is called once nobody reads Parts any more: when they are written, or nobody gets them.
	Release func()
	// Violation, if not nil, closes the connection.
	Violation error
	// Refusal says what the facade itself has refused of the request, and why, for the log.
	Refusal Refusal
	// Summary says what the request came to.
	Summary Summary
}

// What is held for each part of a request that is decoded and waits, here and on its way to a cluster, beside the frame. The
// first topic and batch of a Produce are the session's to count: every request has as much.
const (
	batchCost = 472
	topicCost = 144
	nameCost  = 384 // of a topic that Metadata is asked for
	apartCost = 512 // of a topic that two clusters are asked for
	toldCost  = 80  // of a topic that is told of
)

const (
	// maxResponse is the longest response that is made. librdkafka takes 100 MB (receive.message.max.bytes).
	maxResponse = 128 << 20
	// small is what is not worth counting apart from its request.
	small = 4 << 10
	// maxQuoted is how much of a name is quoted in a message.
	maxQuoted = 64
	// maxSaid is how much is quoted of what a broker said.
	maxSaid = 512
)

// hold counts n bytes for a call, or says why there is no room for them.
func hold(r Reply, n int) error {
	if n > maxResponse {
		return &wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: fmt.Sprintf("%d bytes for one request, the limit is %d", n, maxResponse)}
	}
	if n > small && !r.Hold(n) {
		return noRoom(n)
	}
	return nil
}

func noRoom(n int) error {
	return &wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: fmt.Sprintf(
		"the requests of this worker's clients hold too much memory, and there is no room for %d bytes more", n)}
}

// answerAfterPanic answers a request whose answer meets a bug, and lets the panic go on to who counts it. Defer it.
func answerAfterPanic(r Reply) {
	if reason := recover(); reason != nil {
		r.Answer(Answer{Violation: fmt.Errorf("internal error: %v", reason)})
		panic(reason)
	}
}

// respond answers r with what write appends, size bytes at most, as the frame of a.
func respond(r Reply, size int, a Answer, write func(dst []byte) []byte) {
	if err := hold(r, size); err != nil {
		r.Answer(Answer{Violation: err})
		return
	}
	a.Frame = write(make([]byte, 0, size))
	r.Answer(a)
}

// quote is a name for a message or a log.
func quote(name string) string {
	return wire.Clip(strconv.Quote(wire.Clip(name, maxQuoted)), 2*maxQuoted)
}
