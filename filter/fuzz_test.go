package filter_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const (
	// A session may allocate so much for each byte that a client sends (Metadata of all topics is asked for in 30), and so
	// much because it exists, with a cluster behind it.
	perByte    = 2000
	perSession = 8 << 20
)

// FuzzSession sends any bytes, whole and in pieces: nothing panics, nothing is allocated on the client's word, and the
// answers are the same.
func FuzzSession(f *testing.F) {
	var all []byte
	for _, c := range wiretest.Captures(f, filepath.Join("wire", "testdata", "captured")) {
		stream := bytes.Join(c.Frames, nil)
		f.Add(stream, uint64(len(stream)))
		all = append(all, stream...)
	}
	f.Add(all, uint64(1))
	for _, b := range [][]byte{
		apiVersions(1), produce(2, "apples"), produce(3, "bananas"), produce(4, "cherries"), metadata(5),
		produceApples(6, 0, 0, batch()), produceApples(7, 0, 9, batch()), produceApples(8, 2, 0, batch()),
		produceApples(9, -1, 0, append(batch(), batch()...)), append(produce(1, "apples"), "GET / HTTP/1.1\r\n\r\n"...),
		{0xff, 0xff, 0xff, 0xff},
		{0, 0, 0, 10, 0, 71, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
	} {
		f.Add(b, uint64(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		want, wantReason := exchange(t, stream, nil)
		rnd := rand.New(rand.NewPCG(seed, 0))
		got, reason := exchange(t, stream, func(left int) int { return 1 + rnd.IntN(min(left, 50)) })
		if !bytes.Equal(want, got) || wantReason != reason {
			t.Errorf("whole: %d bytes, closed for %q; in pieces: %d bytes, closed for %q\n% x\n% x",
				len(want), wantReason, len(got), reason, want, got)
		}
	})
}

// exchange sends stream to a new filter, in pieces of the length that cut says, and returns what came back, without what
// is random in it, and why the connection was closed.
func exchange(t *testing.T, stream []byte, cut func(left int) int) (answers []byte, reason string) {
	t.Helper()
	withMesh(t, twoClusters, func(m *mesh) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := m.connect()
		release := m.hold() // whatever the pieces, the clusters see requests that are all in flight
		for rest := stream; len(rest) > 0; {
			n := len(rest)
			if cut != nil {
				n = cut(n)
			}
			c.session.Data(rest[:n])
			rest = rest[n:]
		}
		synctest.Wait()
		release()
		c.session.End()
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(perSession+perByte*len(stream)) {
			t.Errorf("%d bytes sent, %d allocated", len(stream), got)
		}
		for _, r := range wire.Reasons() {
			if !r.OfLogin() && m.metric("violations."+r.String()) > 0 {
				reason = r.String()
			}
		}
		if !c.isClosed() {
			t.Error("not closed after the end")
		}
		if m.metric("panics_recovered") > 0 || reason == wire.ReasonPanic.String() {
			t.Error("a panic was recovered")
		}
		answers = steady(stream, c.got)
		c.session.Closed()
	})
	return answers, reason
}

// hold has both clusters answer nothing until release is called.
func (m *mesh) hold() (release func()) {
	release1, release2 := m.c1.HoldMetadata(), m.c2.HoldMetadata()
	m.c1.Stall(1, true)
	m.c2.Stall(1, true)
	return func() {
		release1()
		release2()
		m.c1.Stall(1, false)
		m.c2.Stall(1, false)
	}
}

// steady takes out of the answers to stream what is not the same each time: producer ids are random, and topics come in
// any order when all are asked for. Answers come in the order of the requests; some of these have none.
func steady(stream, answers []byte) []byte {
	answers = bytes.Clone(answers)
	rest := answers
	for len(stream) >= 12 && len(rest) >= 8 {
		size := 4 + int(int32(binary.BigEndian.Uint32(stream)))
		if size < 12 || size > len(stream) {
			break
		}
		key, id := wire.APIKey(binary.BigEndian.Uint16(stream[4:])), stream[8:12]
		stream = stream[size:]
		if !bytes.Equal(id, rest[4:8]) {
			continue
		}
		n := 4 + int(binary.BigEndian.Uint32(rest))
		switch key {
		case wire.KeyInitProducerID:
			clear(rest[8:n])
		case wire.KeyMetadata:
			slices.Sort(rest[8:n])
		default:
		}
		rest = rest[n:]
	}
	return answers
}
