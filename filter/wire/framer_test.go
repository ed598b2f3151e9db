package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// feed pushes pieces into f and gives back what came out, as copies.
func feed(f *wire.Framer, pieces ...[]byte) (frames [][]byte, err error) {
	for _, p := range pieces {
		p = bytes.Clone(p)
		for rest := p; ; {
			var fr *wire.Frame
			fr, rest, err = f.Next(rest)
			if err != nil {
				return frames, err
			}
			if fr == nil {
				break
			}
			for i := range p[:len(p)-len(rest)] {
				p[i] = 0xee // the framer must not keep p
			}
			frames = append(frames, append([]byte{}, fr.Bytes()...))
			fr.Release()
		}
	}
	return frames, nil
}

func reasonOf(err error) wire.Reason {
	if v, ok := errors.AsType[*wire.Violation](err); ok {
		return v.Reason
	}
	return 0
}

func TestFramerEverySplit(t *testing.T) {
	t.Parallel()
	bodies := [][]byte{[]byte("one"), {}, []byte("three, longer"), {0}}
	var stream []byte
	for _, b := range bodies {
		stream = append(stream, frame(b)...)
	}
	for i := range len(stream) + 1 {
		for j := i; j <= len(stream); j++ {
			var f wire.Framer
			got, err := feed(&f, stream[:i], stream[i:j], stream[j:])
			if d := cmp.Diff(bodies, got); d != "" || err != nil {
				t.Fatalf("split at %d and %d: %v\n%s", i, j, err, d)
			}
			if f.Buffered() != 0 {
				t.Errorf("split at %d and %d: Buffered() = %d, want 0", i, j, f.Buffered())
			}
		}
	}
}

func TestFramerBuffered(t *testing.T) {
	t.Parallel()
	var f wire.Framer
	stream := frame([]byte("hello"))
	for i := range stream[:len(stream)-1] {
		if fr, rest, err := f.Next(stream[i : i+1]); fr != nil || len(rest) != 0 || err != nil {
			t.Fatalf("Next(byte %d) = %v, %x, %v, want nothing", i, fr, rest, err)
		}
		if f.Buffered() != i+1 {
			t.Errorf("Buffered() = %d after %d bytes", f.Buffered(), i+1)
		}
	}
	f.Reset()
	if f.Buffered() != 0 {
		t.Errorf("Buffered() = %d after Reset, want 0", f.Buffered())
	}
	if got, err := feed(&f, stream); len(got) != 1 || err != nil {
		t.Errorf("after Reset: %d frames, %v, want 1", len(got), err)
	}
}

func TestFramerLargeFrames(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var want [][]byte
	for _, size := range []int{1 << 10, 1<<10 + 1, 64 << 10, 64<<10 + 1, 300_000, 1 << 20, 5 << 20, 100} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		want = append(want, b)
		stream = append(stream, frame(b)...)
	}
	for _, piece := range []int{1000, 16 << 10, 1 << 20, len(stream)} {
		var f wire.Framer
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, err := feed(&f, pieces...)
		if err != nil || len(got) != len(want) {
			t.Fatalf("pieces of %d: %d frames, %v, want %d", piece, len(got), err, len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("pieces of %d: frame %d differs", piece, i)
			}
		}
	}
}

func TestFramerViolations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		first string
		want  wire.Reason
		says  string
	}{
		{"one over the limit", "\x06\x40\x00\x01", wire.ReasonOversizedFrame, "104857601"},
		{"largest", "\x7f\xff\xff\xff", wire.ReasonOversizedFrame, "2147483647"},
		{"minus one", "\xff\xff\xff\xff", wire.ReasonNegativeLength, "-1"},
		{"smallest", "\x80\x00\x00\x00", wire.ReasonNegativeLength, "-2147483648"},
		{"ClientHello", "\x16\x03\x01\x02\x00\x01", wire.ReasonTLSHandshake, "ClientHello"},
		{"TLS alert", "\x15\x03\x03\x00\x02\x02\x46", wire.ReasonTLSHandshake, "alert"},
		{"GET", "GET / HTTP/1.1\r\n", wire.ReasonHTTPRequest, "GET"},
		{"POST", "POST /", wire.ReasonHTTPRequest, "POST"},
		{"HEAD", "HEAD /", wire.ReasonHTTPRequest, "HEAD"},
		{"PUT", "PUT /x", wire.ReasonHTTPRequest, "PUT"},
		{"OPTIONS", "OPTIONS", wire.ReasonHTTPRequest, "OPTI"},
		{"HTTP/2", "PRI * HTTP/2.0", wire.ReasonHTTPRequest, "PRI"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var f wire.Framer
			for i := range 4 {
				_, _, err := f.Next([]byte{tt.first[i]})
				if (err != nil) != (i == 3) {
					t.Fatalf("after byte %d: %v", i, err)
				}
			}
			_, _, err := f.Next([]byte("more"))
			if reasonOf(err) != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Next(%q) = %v, want %s that says %q", tt.first, err, tt.want, tt.says)
			}
		})
	}
}

func TestFramerLimit(t *testing.T) {
	t.Parallel()
	f := wire.Framer{MaxBytes: 10}
	if got, err := feed(&f, frame(make([]byte, 10))); len(got) != 1 || err != nil {
		t.Errorf("frame at the limit: %d frames, %v", len(got), err)
	}
	if _, err := feed(&f, frame(make([]byte, 11))); reasonOf(err) != wire.ReasonOversizedFrame {
		t.Errorf("frame over the limit: %v, want oversized_frame", err)
	}
}

// A peer that says it will send much and sends little must not cost much.
//
//nolint:paralleltest // counts what the process allocates
func TestFramerAllocatesWhatCame(t *testing.T) {
	for _, sent := range []int{0, 100, 10_000, 200_000, 3_000_000} {
		var before, after runtime.MemStats
		p := append([]byte{0x06, 0x40, 0x00, 0x00}, make([]byte, sent)...)
		const streams = 8
		var fs [streams]wire.Framer
		runtime.ReadMemStats(&before)
		for i := range fs {
			for rest := p; len(rest) > 0; {
				n := min(16<<10, len(rest))
				if _, _, err := fs[i].Next(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
		}
		runtime.ReadMemStats(&after)
		got := int(after.TotalAlloc-before.TotalAlloc) / streams
		// Held at the end is at most 2 × sent + 64 KiB; each doubling before it was allocated too, and freed.
		if limit := 2*(2*sent+64<<10) + 1<<16; got > limit {
			t.Errorf("%d bytes sent: %d allocated, limit %d", sent, got, limit)
		}
		for i := range fs {
			fs[i].Reset()
		}
	}
}

// What is held, and what will come, is told at any time; a lean framer holds what came, and little more.
func TestFramerHeld(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	stream := frame(make([]byte, size))
	for _, lean := range []bool{false, true} {
		f := wire.Framer{Lean: lean}
		if f.Held() != 0 || f.Announced() != 4 {
			t.Errorf("lean %t: empty: Held() = %d, Announced() = %d", lean, f.Held(), f.Announced())
		}
		for rest := stream; len(rest) > 1; rest = rest[min(1000, len(rest)-1):] {
			if _, _, err := f.Next(rest[:min(1000, len(rest)-1)]); err != nil {
				t.Fatal(err)
			}
			got := f.Buffered() - 4
			limit := 2*got + 1024
			if !lean {
				limit += 64 << 10
			}
			if f.Held() < got || f.Held() > limit || f.Announced() != size+4 {
				t.Fatalf("lean %t: %d bytes came: Held() = %d, limit %d, Announced() = %d", lean, got, f.Held(), limit, f.Announced())
			}
		}
		if got, err := feed(&f, stream[len(stream)-1:]); len(got) != 1 || err != nil || f.Held() != 0 {
			t.Errorf("lean %t: %d frames, %v, Held() = %d", lean, len(got), err, f.Held())
		}
	}
}

func TestFrameRelease(t *testing.T) {
	t.Parallel()
	var f wire.Framer
	fr, _, err := f.Next(frame([]byte("abc")))
	if err != nil || string(fr.Bytes()) != "abc" {
		t.Fatalf("Next = %q, %v", fr.Bytes(), err)
	}
	fr.Release()
	fr.Release()
	if got := fr.Bytes(); got != nil {
		t.Errorf("Bytes() = %q after Release, want nil", got)
	}
	// Had the second Release put the buffer back twice, two of these would share it.
	var held []*wire.Frame
	for i := range 8 {
		fr, _, err := f.Next(frame([]byte{byte(i)}))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fr)
	}
	for i, fr := range held {
		if fr.Bytes()[0] != byte(i) {
			t.Errorf("frame %d holds %x", i, fr.Bytes())
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(append(frame([]byte("abc")), frame(nil)...), uint64(1))
	f.Add([]byte("\x00\x00\x00\x05abcde\x16\x03\x01\x00"), uint64(7))
	f.Add([]byte("GET / HTTP/1.1"), uint64(3))
	seeds(f, func(frame []byte) { f.Add(append(bytes.Clone(frame), frame...), uint64(5)) })
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		whole := wire.Framer{MaxBytes: 1 << 16}
		want, wantErr := feed(&whole, stream)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + rnd.IntN(min(len(rest), 9))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		cut := wire.Framer{MaxBytes: 1 << 16}
		got, err := feed(&cut, pieces...)
		if d := cmp.Diff(want, got); d != "" || reasonOf(err) != reasonOf(wantErr) || whole.Buffered() != cut.Buffered() {
			t.Errorf("cut into %d pieces: %v, want %v\n%s", len(pieces), err, wantErr, d)
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	for _, bb := range []struct {
		name        string
		size, piece int
	}{
		{"1KiB", 1 << 10, 16 << 10},
		{"16KiB", 16 << 10, 16 << 10},
		{"1MiB in 16KiB", 1 << 20, 16 << 10},
		{"4MiB in 64KiB", 4 << 20, 64 << 10},
	} {
		b.Run(bb.name, func(b *testing.B) {
			stream := frame(make([]byte, bb.size))
			var f wire.Framer
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := stream; len(rest) > 0; {
					n := min(bb.piece, len(rest))
					for p := rest[:n]; len(p) > 0; {
						fr, left, err := f.Next(p)
						if err != nil {
							b.Fatal(err)
						}
						if fr != nil {
							fr.Release()
						}
						p = left
					}
					rest = rest[n:]
				}
			}
		})
	}
}
