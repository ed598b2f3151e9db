package wire_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// served is what clients may ask for.
var served = broker.Table(broker.APIs())

func readProtocol(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	doc := readProtocol(t)
	seen := map[string]bool{}
	for _, r := range wire.Reasons() {
		if seen[r.String()] || r.String() == "unknown" {
			t.Errorf("reason %d is named %q", r, r)
		}
		seen[r.String()] = true
		if !strings.Contains(doc, "\n| "+r.String()+" |") {
			t.Errorf("docs/protocol.md does not tell of %s", r)
		}
	}
}

func TestTableLookup(t *testing.T) {
	t.Parallel()
	for _, want := range served.APIs() {
		if got, ok := served.Lookup(want.Key); !ok || got != want {
			t.Errorf("Lookup(%d) = %v, %t, want %v", want.Key, got, ok, want)
		}
		if want.Served(want.Min-1) || want.Served(want.Max+1) || !want.Served(want.Min) || !want.Served(want.Max) {
			t.Errorf("%s: Served is wrong at its ends", want.Name)
		}
	}
	if _, ok := served.Lookup(71); ok {
		t.Error("Lookup(71) = true, want false: telemetry is not served")
	}
	for key, want := range map[wire.APIKey]string{22: "InitProducerId", 71: "GetTelemetrySubscriptions", 1000: "API_1000", -1: "API_-1"} {
		if got := key.String(); got != want {
			t.Errorf("APIKey(%d) = %s, want %s", key, got, want)
		}
	}
}

func TestErrorCodesAreKafkas(t *testing.T) {
	t.Parallel()
	renamed := map[string]string{"NOT_LEADER_FOR_PARTITION": "NOT_LEADER_OR_FOLLOWER"} // KIP-392
	known := 0
	for c := wire.ErrorCode(-1); c < 200; c++ {
		name := c.String()
		if name == fmt.Sprintf("ERROR_%d", c) {
			continue
		}
		known++
		want := "NONE"
		if e := kerr.TypedErrorForCode(int16(c)); e != nil {
			want = e.Message
		}
		if r, ok := renamed[want]; ok {
			want = r
		}
		if name != want {
			t.Errorf("ErrorCode(%d) = %s, want %s", c, name, want)
		}
	}
	if known < 50 {
		t.Errorf("only %d codes have names", known)
	}
	if got := wire.ErrorCode(-7).String(); got != "ERROR_-7" {
		t.Errorf("ErrorCode(-7) = %s, want ERROR_-7", got)
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	codes := wire.ErrorCodes()
	if codes[0] != wire.None {
		t.Errorf("ErrorCodes()[0] = %s, want NONE", codes[0])
	}
	seen := map[wire.ErrorCode]bool{}
	for _, c := range codes {
		if seen[c] || strings.HasPrefix(c.String(), "ERROR_") {
			t.Errorf("%s is there twice or has no name", c)
		}
		seen[c] = true
	}
	if !seen[wire.UnknownServerError] || !seen[wire.NotLeaderOrFollower] || !seen[wire.InvalidRecord] {
		t.Errorf("ErrorCodes() = %v leaves out what a Produce can be answered with", codes)
	}
}
