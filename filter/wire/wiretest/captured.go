package wiretest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// hexWidth is how many bytes stand on a line of a captured frame.
const hexWidth = 48

// Capture is what one client of one version sent to the facade: whole requests, their length included, and of those of one
// API, version and length the first.
type Capture struct {
	Client string // name-version
	Frames [][]byte
}

// Captures reads all captured frames in dir.
func Captures(tb testing.TB, dir string) []Capture {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no captured frames in %s: %v", dir, err)
	}
	var captures []Capture
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a test's own file
		if err != nil {
			tb.Fatal(err)
		}
		frames, err := ParseCapture(string(text))
		if err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		captures = append(captures, Capture{strings.TrimSuffix(filepath.Base(file), ".txt"), frames})
	}
	return captures
}

// ParseCapture reads what Format writes: hexadecimal digits, and comments from # to the end of the line.
func ParseCapture(text string) ([][]byte, error) {
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		return nil, err
	}
	var frames [][]byte
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint32(b)) {
			return frames, errors.New("the last frame is not whole")
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		frames, b = append(frames, b[:n:n]), b[n:]
	}
	return frames, nil
}

// Format writes a capture as text. What is said of each frame is what our decoders make of it, given what is served.
func (c Capture) Format(served *wire.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What %s sends to the facade: requests of each API, version and length.\n", c.Client)
	b.WriteString("# Captured by: go test ./test/robust -run TestCapture -update\n")
	for _, frame := range c.Frames {
		fmt.Fprintf(&b, "\n# %s\n", Describe(served, frame))
		for rest := frame; len(rest) > 0; {
			n := min(hexWidth, len(rest))
			b.WriteString(hex.EncodeToString(rest[:n]) + "\n")
			rest = rest[n:]
		}
	}
	return b.String()
}

// Describe says in a line what our decoders make of a request.
func Describe(served *wire.Table, frame []byte) string {
	h, body, err := served.ParseHeader(frame[4:])
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s v%d, correlation id %d, client id %q: ", h.Key, h.Version, h.CorrelationID, h.ClientID)
	if api, _ := served.Lookup(h.Key); !api.Served(h.Version) {
		return text + "not served"
	}
	if h.Key != wire.KeyProduce {
		r, err := served.DecodeRequest(h, body)
		if err != nil {
			return text + err.Error()
		}
		return text + describeRequest(r)
	}
	r, err := wire.DecodeProduce(h.Version, body)
	if err != nil {
		return text + err.Error()
	}
	return text + describeProduce(r)
}
