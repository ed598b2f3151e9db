package accesslog_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var update = flag.Bool("update", false, "rewrite testdata and docs/access-log.md")

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)

// full has every field.
func full() *accesslog.Entry {
	return &accesslog.Entry{
		Time: noon, Client: "10.0.0.7:51234", LocalHost: "10.0.0.2", LocalPort: 9092, ServerName: "kafka.example.com",
		ClientID: "orders-service", Software: "apache-kafka-java 3.9.0",
		Principal: "ann", Mechanism: "SCRAM-SHA-512", Decision: "allowed", Rule: "orders",
		API: "Produce", Version: 9, CorrelationID: 17, Acks: -1, Produce: true,
		Topics: []string{"orders.new", "invoices.new"}, TopicCount: 2, Partitions: 3, Records: 120, BatchBytes: 16300,
		RequestBytes: 16432, ResponseBytes: 124, Clusters: []string{"orders", "everything_else"},
		Outcome: accesslog.Failed, Errors: []accesslog.ErrorCount{{Code: "NOT_LEADER_OR_FOLLOWER", Count: 1}}, FailedPartitions: 1,
		Reason:   "the broker does not lead the partition",
		Duration: 2718 * time.Microsecond, Waiting: 14 * time.Microsecond, Upstream: 2689 * time.Microsecond,
		Throttled: 500 * time.Millisecond,
	}
}

// entries are those of the golden file.
func entries() []*accesslog.Entry {
	return []*accesslog.Entry{
		full(),
		{
			Time: noon, Client: "[fd00::7]:51234", LocalHost: "fd00::2", LocalPort: 9092, API: "ApiVersions", CorrelationID: -1,
			RequestBytes: 30, ResponseBytes: 400, Duration: 41 * time.Microsecond,
		},
		{Time: noon, Client: "10.0.0.7:51234", Outcome: accesslog.Closed, Reason: "tls_handshake: the client speaks TLS, the listener does not"},
		{
			Time: noon.In(time.FixedZone("", 7200)), API: "Produce", Produce: true, Topics: []string{strings.Repeat("t", 1000), "", "a", "b", "c", "d"},
			TopicCount: 6, Outcome: accesslog.Refused, ClientID: "\x1b[31m\"quoted\"\\\n\u202ereversed \xff\u0085ünïcode 漢",
			Waiting: time.Second, // longer than all: the clock of a test
		},
		{},
	}
}

func lines(list []*accesslog.Entry) []byte {
	var b []byte
	for _, e := range list {
		b = append(e.AppendJSON(b), '\n')
	}
	return b
}

// TestGolden keeps lines as they are: programs read them.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/lines.jsonl"
	got := lines(entries())
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestFields wants a line to have the fields that are documented, in that order, and one without anything those that are always there.
func TestFields(t *testing.T) {
	t.Parallel()
	var all, always []string
	for _, f := range accesslog.Fields() {
		all = append(all, f.Name)
		if f.Always {
			always = append(always, f.Name)
		}
	}
	if diff := cmp.Diff(all, keys(t, full().AppendJSON(nil))); diff != "" {
		t.Errorf("fields of a full line (-documented +written):\n%s", diff)
	}
	if diff := cmp.Diff(always, keys(t, new(accesslog.Entry).AppendJSON(nil))); diff != "" {
		t.Errorf("fields of an empty line (-documented +written):\n%s", diff)
	}
}

// keys are the names of an object's fields in their order.
func keys(t *testing.T, object []byte) (names []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	for depth, name := 0, true; ; {
		token, err := d.Token()
		if err != nil {
			return names
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
			name = true
		default:
			if depth == 1 {
				if name {
					names = append(names, fmt.Sprint(token))
				}
				name = !name
			}
		}
	}
}

// TestDocs compares docs/access-log.md with Fields, HostFields and a line of the golden file.
//
//nolint:paralleltest // with update, the second comparison is of what the first has written
func TestDocs(t *testing.T) {
	const file, command = "../../docs/access-log.md", ": go test ./filter/accesslog -update -->\n"
	line := fmt.Sprintf("One line, broken here to be read:\n\n```json\n%s\n```\n\n", indented(t, full().AppendJSON(nil)))
	document.Compare(t, file, "<!-- fields"+command, "<!-- end of fields -->", table("field", accesslog.Fields())+line, *update)
	document.Compare(t, file, "<!-- connections"+command, "<!-- end of connections -->", table("name", accesslog.HostFields()), *update)
}

// table is fields as Markdown, those that are always there in bold type.
func table(title string, fields []accesslog.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %s | type | meaning |\n|---|---|---|\n", title)
	for _, f := range fields {
		name := "`" + f.Name + "`"
		if f.Always {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, f.Type, f.Meaning)
	}
	return b.String() + "\n"
}

// indented is an object with several fields in a line.
func indented(t *testing.T, object []byte) string {
	t.Helper()
	const width = 110
	var out strings.Builder
	column := 0
	for i, field := range bytes.SplitAfter(object, []byte(`,"`)) {
		text := string(field)
		if i > 0 {
			text = `"` + text
		}
		text = strings.TrimSuffix(text, `"`+"\x00")
		if cut, ok := strings.CutSuffix(text, `,"`); ok {
			text = cut + ", "
		}
		if column+len(text) > width {
			out.WriteString("\n ")
			column = 1
		}
		out.WriteString(text)
		column += len(text)
	}
	got := strings.ReplaceAll(out.String(), ", \n", ",\n")
	if !json.Valid([]byte(got)) {
		t.Fatalf("not JSON any more: %s", got)
	}
	return got
}

// FuzzText wants whatever a client calls itself to be one JSON string of bounded length in one line.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\n\x00\x7f", "\xff\xfe", "漢\u2028", strings.Repeat("ü", 200), "\xe6\xbc", "\u061c\u200e\u2066"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := accesslog.Entry{ClientID: s, Topics: slices.Repeat([]string{s}, 9)}
		got := e.AppendJSON(nil)
		var parsed struct {
			ClientID string   `json:"client_id"`
			Topics   []string `json:"topics"`
		}
		if err := json.Unmarshal(got, &parsed); err != nil {
			t.Fatalf("%q becomes %s: %v", s, got, err)
		}
		if bytes.ContainsFunc(got, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 || r == 0x2028 }) || !utf8.Valid(got) {
			t.Errorf("%q becomes %q, which a terminal would obey", s, got)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); len(s) < 249 && utf8.ValidString(s) && parsed.ClientID != want {
			t.Errorf("%q becomes %q", s, parsed.ClientID)
		}
		if len(parsed.ClientID) > 3*249+3 || len(parsed.Topics) > accesslog.MaxTopics || len(got) > 20_000 {
			t.Errorf("%d bytes of a name become %d in a line of %d", len(s), len(parsed.ClientID), len(got))
		}
	})
}

func TestChoice(t *testing.T) {
	t.Parallel()
	type request struct {
		failed bool
		took   time.Duration
	}
	quick, slow, failed, both := request{}, request{took: time.Second}, request{failed: true}, request{true, time.Second}
	for _, tt := range []struct {
		name   string
		choice accesslog.Choice
		want   []request // of these four
	}{
		{"none", accesslog.Choice{}, nil},
		{"failures", accesslog.Choice{Failures: true}, []request{failed, both}},
		{"slow ones", accesslog.Choice{SlowerThan: time.Millisecond}, []request{slow, both}},
		{"not slow enough", accesslog.Choice{SlowerThan: time.Second}, nil},
		{"either", accesslog.Choice{Failures: true, SlowerThan: time.Millisecond}, []request{slow, failed, both}},
		{"all of them", accesslog.Choice{Share: 1}, []request{quick, slow, failed, both}},
		{"failures and next to none of the others", accesslog.Choice{Failures: true, Share: 1e-18}, []request{failed, both}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []request
			for _, r := range []request{quick, slow, failed, both} {
				if tt.choice.Chooses(r.failed, r.took) {
					got = append(got, r)
				}
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(request{})); diff != "" {
				t.Errorf("chosen (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShare wants about a share of many, and not each so many-th: clients take turns.
func TestShare(t *testing.T) {
	t.Parallel()
	const requests, share = 100_000, 0.25
	c := accesslog.Choice{Share: share}
	odd, even := 0, 0
	for i := range requests {
		if !c.Chooses(false, 0) {
			continue
		}
		if i%2 == 0 {
			even++
		} else {
			odd++
		}
	}
	for _, n := range []int{odd, even} { // 12,500 each; a deviation of 600 is six times the usual one
		if want := int(requests * share / 2); n < want-600 || n > want+600 {
			t.Errorf("%d of the requests that count odd and %d of the others are chosen, want about %d of each", odd, even, want)
		}
	}
}
