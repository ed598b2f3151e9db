package saramaclient

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// witness is a connection while sarama logs in on it. It reads along for how long the broker says that the login lasts (KIP-368): sarama
// keeps that to itself. It is not used any more when the connection has been taken over.
type witness struct {
	net.Conn

	mu       sync.Mutex // sarama reads and writes at the same time
	requests wire.Framer
	answers  wire.Framer
	logins   map[int32]int16 // versions of the SaslAuthenticate requests without an answer, by correlation id
	heard    bool            // something has come
	login    bool            // it has begun
	over     bool            // what passes is not understood
	until    time.Time
}

// The parts of a request that are looked at (RequestHeader.json).
const (
	versionAt     = 2
	correlationAt = 4
	headSize      = 8
)

// Write implements net.Conn.
func (w *witness) Write(p []byte) (int, error) {
	w.follow(&w.requests, p, w.request)
	return w.Conn.Write(p)
}

// Read implements net.Conn.
func (w *witness) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.hear()
	}
	w.follow(&w.answers, p[:n], w.answer)
	return n, err
}

// end is some time before the broker ends the connection; zero: it does not say.
func (w *witness) end() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until
}

// follow has look see the frames of one direction, as they become whole with p.
func (w *witness) follow(f *wire.Framer, p []byte, look func(frame []byte)) {
	defer caught(new(error))
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.over {
		frame, rest, err := f.Next(p)
		if w.over = err != nil; w.over || frame == nil {
			return
		}
		look(frame.Bytes())
		frame.Release()
		p = rest
	}
}

// loggingIn says whether sarama has begun to log in.
func (w *witness) loggingIn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.login
}

// hear takes note that something has come.
func (w *witness) hear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = true
}

// hasHeard says whether something has come.
func (w *witness) hasHeard() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

func (w *witness) request(frame []byte) {
	if len(frame) < headSize {
		return
	}
	key := int16(binary.BigEndian.Uint16(frame))
	w.login = w.login || key == kmsg.SASLHandshake.Int16() || key == kmsg.SASLAuthenticate.Int16()
	if key != kmsg.SASLAuthenticate.Int16() {
		return
	}
	if w.logins == nil {
		w.logins = map[int32]int16{}
	}
	w.logins[int32(binary.BigEndian.Uint32(frame[correlationAt:]))] = int16(binary.BigEndian.Uint16(frame[versionAt:]))
}

func (w *witness) answer(frame []byte) {
	const correlationSize = 4
	if len(frame) < correlationSize {
		return
	}
	correlation := int32(binary.BigEndian.Uint32(frame))
	version, asked := w.logins[correlation]
	if !asked {
		return
	}
	delete(w.logins, correlation)
	response, body, err := kmsg.NewPtrSASLAuthenticateResponse(), frame[correlationSize:], error(nil)
	response.SetVersion(version)
	if response.IsFlexible() {
		body, err = link.SkipTags(body)
	}
	if err != nil || response.ReadFrom(body) != nil || response.SessionLifetimeMillis <= 0 {
		return
	}
	// As Java's clients do, so that many connections do not log in at the same moment.
	const least, spread = 0.85, 0.10
	lifetime := time.Duration(response.SessionLifetimeMillis) * time.Millisecond
	part := least + spread*rand.Float64() //nolint:gosec // spread, not secret
	w.until = time.Now().Add(time.Duration(float64(lifetime) * part))
}
