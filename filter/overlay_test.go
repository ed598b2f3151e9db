package filter_test

import (
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/overlay"
)

// TestParserPanics runs TestOverlaid with a toolchain's overlay, in which parsers panic: nothing else reaches them, and production
// code needs no way to do it.
func TestParserPanics(t *testing.T) {
	t.Parallel()
	panicking := overlay.New(t)
	panicking.Write("wire/overlaid.go", `package wire
import "bytes"
// Overlaid panics if b has the name of a place.
func Overlaid(place string, b []byte) { if bytes.Contains(b, []byte("PANIC-"+place)) { panic("bug in "+place) } }
`)
	for _, o := range []struct{ file, function, call string }{
		{"wire/framer.go", "func (f *Framer) Next(", `Overlaid("framer", p)`},
		{"wire/header.go", "func (t *Table) ParseHeader(", `Overlaid("header", frame)`},
		{"wire/produce.go", "func DecodeProduce(", `Overlaid("request", body)`},
		{"record/check.go", "func Check(", `wire.Overlaid("check", b)`},
		{"wire/produce_response.go", "func AppendProduceResponse(", `Overlaid("response", h.ClientID)`},
		{"wire/upstream_response.go", "func DecodeProduceResponse(", `Overlaid("answer", batches[0].Records)`},
		{"upstream/produce/conclude.go", "func (p *Pool) takeResults(", `for _, s := range shares { wire.Overlaid("results", s.batches[0].Records) }`},
	} {
		panicking.Insert(o.file, o.function, o.call)
	}
	out, err := panicking.Test(nil, "-tags", "overlaid", "-run", "^TestOverlaid$", ".")
	if err != nil || strings.Contains(out, "no tests to run") {
		t.Errorf("%v\n%s", err, out)
	}
}
