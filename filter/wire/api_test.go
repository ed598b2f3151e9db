package wire_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func readProtocol(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAPIsAreDocumented(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (\w+) \| (\d+)–(\d+) \| (\d+) \|`)
	var want []string
	for _, m := range row.FindAllStringSubmatch(readProtocol(t), -1) {
		want = append(want, strings.Join(m[1:], " "))
	}
	var got []string
	for _, a := range wire.APIs() {
		got = append(got, fmt.Sprint(int16(a.Key), " ", a.Name, " ", a.Min, " ", a.Max, " ", a.Flexible))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("docs/protocol.md (-) and APIs() (+) differ:\n%s", d)
	}
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

func TestAPIsAgreeWithKmsg(t *testing.T) {
	t.Parallel()
	for _, a := range wire.APIs() {
		req := kmsg.RequestForKey(int16(a.Key))
		if req.MaxVersion() < a.Max {
			t.Errorf("%s: kmsg knows versions up to %d, we list %d", a.Name, req.MaxVersion(), a.Max)
		}
		for v := a.Min; v <= a.Max; v++ {
			req.SetVersion(v)
			if got, want := v >= a.Flexible, req.IsFlexible(); got != want {
				t.Errorf("%s v%d: flexible = %t, kmsg says %t", a.Name, v, got, want)
			}
		}
		if got := kmsg.NameForKey(int16(a.Key)); !strings.EqualFold(got, a.Name) {
			t.Errorf("key %d is %s, kmsg says %s", a.Key, a.Name, got)
		}
	}
}

func TestLookupAPI(t *testing.T) {
	t.Parallel()
	for _, want := range wire.APIs() {
		if got, ok := wire.LookupAPI(want.Key); !ok || got != want {
			t.Errorf("LookupAPI(%d) = %v, %t, want %v", want.Key, got, ok, want)
		}
		if want.Served(want.Min-1) || want.Served(want.Max+1) || !want.Served(want.Min) || !want.Served(want.Max) {
			t.Errorf("%s: Served is wrong at its ends", want.Name)
		}
	}
	if _, ok := wire.LookupAPI(71); ok {
		t.Error("LookupAPI(71) = true, want false: telemetry is not served")
	}
	if got := wire.APIKey(71).String(); got != "API_71" {
		t.Errorf("APIKey(71) = %s, want API_71", got)
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
