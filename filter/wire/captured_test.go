package wire_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

var captured = filepath.Join("testdata", "captured")

// TestCaptured reads what real clients sent as it was read when it was captured, whole and in any two pieces; and kmsg,
// where it writes what it reads, agrees.
func TestCaptured(t *testing.T) {
	t.Parallel()
	for _, c := range wiretest.Captures(t, captured) {
		t.Run(c.Client, func(t *testing.T) {
			t.Parallel()
			golden, err := os.ReadFile(filepath.Join(captured, c.Client+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(golden), c.Format(served)); d != "" {
				t.Errorf("read differently than when it was captured (-want +got):\n%s", d)
			}
			for _, f := range c.Frames {
				for split := range f {
					var framer wire.Framer
					if got, err := feed(&framer, f[:split], f[split:]); err != nil || len(got) != 1 || string(got[0]) != string(f[4:]) {
						t.Fatalf("split at %d: %d frames, %v", split, len(got), err)
					}
				}
				checkAgainstKmsg(t, f)
			}
		})
	}
}

func checkAgainstKmsg(t *testing.T, frame []byte) {
	t.Helper()
	h, body, err := served.ParseHeader(frame[4:])
	if err != nil {
		t.Errorf("ParseHeader: %v", err)
		return
	}
	api, _ := served.Lookup(h.Key)
	if !api.Served(h.Version) {
		return
	}
	req := kmsg.RequestForKey(int16(h.Key))
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		t.Errorf("kmsg cannot read %s v%d: %v", h.Key, h.Version, err)
	} else if d := cmp.Diff(hex.Dump(body[:min(len(body), len(req.AppendTo(nil)))]), hex.Dump(req.AppendTo(nil))); d != "" {
		t.Errorf("%s v%d: kmsg writes it differently:\n%s", h.Key, h.Version, d)
	}
}

// seeds are the captured frames, for fuzzers.
func seeds(f *testing.F, add func(frame []byte)) {
	f.Helper()
	for _, c := range wiretest.Captures(f, captured) {
		for _, frame := range c.Frames {
			add(frame)
		}
	}
}
