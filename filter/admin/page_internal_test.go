package admin

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// rendered is the page of a mesh.
func rendered(t *testing.T, f *fake) string {
	t.Helper()
	m := newMoment(f)
	var b bytes.Buffer
	if err := page.Execute(&b, newView(&m)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestText compares the page for terminals with what it was when somebody last looked at it.
func TestText(t *testing.T) {
	t.Parallel()
	m := newMoment(newFake())
	const file = "testdata/page.txt"
	got := m.text() + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the text (-want +got); go test ./filter/admin -update:\n%s", diff)
	}
}

// TestPageSaysWhatIsWrongFirst wants what is broken above all else, with why and since when.
func TestPageSaysWhatIsWrongFirst(t *testing.T) {
	t.Parallel()
	text := rendered(t, newFake())
	at := -1
	for _, want := range []string{
		"<title>1 of 3 clusters cannot be reached · Kafka mesh</title>", `<h1 class="verdict bad">1 of 3 clusters cannot be reached</h1>`,
		"<strong>kafka_c2 cannot be reached</strong>", "for 3m 12s, since", "nobody listens there", "<strong>A certificate for kafka_c1 ends in 5d</strong>",
		"<strong>No rule matches dates-java</strong>", "<h2>Clusters</h2>", "<h3>kafka_c2", "<h3>kafka_c1", "<h3>kafka:c3", "<h2>Rules</h2>",
		"apples*", "all others", "Clients by software", "apache-kafka-java", "Busiest clients", "checkout-producer-1", "Failed logins and handshakes", "wrong_password", "plaintext",
		"Consumer groups", "billing.invoices", "COORDINATOR_NOT_AVAILABLE by kafka_c2, from invoices-2 at 10.0.4.7:40001", "And 12 more", "Throttled by quotas",
		"nightly-export", "83 %", "1.2 s", "Topics without a rule", "dates-app at 10.0.3.19:41111",
		"Closed connections", "the client speaks HTTP, not Kafka", "Refused", "console-consumer",
	} {
		next := strings.Index(text[at+1:], want)
		if next < 0 {
			t.Fatalf("the page lacks %q, or has it above what should be before it", want)
		}
		at += 1 + next
	}
	for _, bad := range []string{"<no value>", "ZgotmplZ", "%!", "http://", "https://", " style=", " onclick="} {
		if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// TestPageEscapesWhatOthersSay has every name and text be markup, longer than anybody reads.
func TestPageEscapesWhatOthersSay(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}` + "\u202e\x00\n"
	long := hostile + strings.Repeat("A", 50_000)
	f := newFake()
	m := &f.mesh
	m.Name, m.Listener, m.Advertised, m.Warnings = long, long, long, []string{long}
	for i := range m.Clusters {
		c := &m.Clusters[i]
		c.LastError, c.Security, c.BootstrapServers = long, long, []string{long}
		c.Brokers = append(c.Brokers, status.Broker{Address: long})
	}
	m.Clusters[2].Name = long
	m.Rules = append(m.Rules, status.Rule{Prefix: long, Cluster: long})
	for i := range 500 {
		name := fmt.Sprint(i, long)
		m.Clients.Software = append(m.Clients.Software, status.Software{Name: name})
		m.Clients.Busiest = append(m.Clients.Busiest, status.Client{Address: name, ID: name, Software: name})
		m.Clients.Unmatched = append(m.Clients.Unmatched, status.Unmatched{Topic: name, Client: name, ClientID: name, Software: name, Last: noon})
		m.Clients.Closings = append(m.Clients.Closings, status.Closing{Time: noon, Client: name, ClientID: name, Software: name, Kind: name, Reason: name})
		m.Clients.Throttled = append(m.Clients.Throttled, status.Throttled{Rule: name, Principal: name})
		m.Clients.Groups = append(m.Clients.Groups, status.Group{ID: name, Home: name, Coordinator: name, Commits: []string{name}, Refused: 1, LastRefused: status.RefusedCommit{
			Time: noon, Cluster: name, Code: name, Reason: name, Client: name, ClientID: name,
		}})
		m.Clients.Refusals = append(m.Clients.Refusals, status.Refusal{Kind: name, Client: name, ClientID: name, Software: name, Last: noon})
	}
	text := rendered(t, f)
	for _, bad := range []string{"<script>alert", "<img", "\u202e", "\x00"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if strings.Count(text, "<script>") != 1 {
		t.Errorf("the page has %d scripts, want ours", strings.Count(text, "<script>"))
	}
	if most := 1 << 20; len(text) > most {
		t.Errorf("the page has %d bytes, want at most %d", len(text), most)
	}
	moment := newMoment(f)
	if terminal := moment.text(); strings.ContainsAny(terminal, "\u202e\x00\x1b") || len(terminal) > 1<<20 {
		t.Errorf("the text has %d bytes, and what cannot be seen: %v", len(terminal), strings.ContainsAny(terminal, "\u202e\x00\x1b"))
	}
}

// TestPageOfManyClusters is still of a size that a phone takes.
func TestPageOfManyClusters(t *testing.T) {
	t.Parallel()
	f := newFake()
	for i := range 200 {
		c := f.mesh.Clusters[0]
		c.Name = fmt.Sprint("many", i)
		f.mesh.Clusters = append(f.mesh.Clusters, c)
	}
	if text := rendered(t, f); len(text) > 1<<20 {
		t.Errorf("%d bytes, want at most a megabyte", len(text))
	}
}

// TestPagePolicy wants the browser to be told the hashes of what is in the page.
func TestPagePolicy(t *testing.T) {
	t.Parallel()
	_, h := newTestHandler(t, newFake(), Options{Log: slog.New(slog.DiscardHandler)})
	_, body, header := get(t, h, "/")
	policy := header.Get("Content-Security-Policy")
	for element, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		_, rest, _ := strings.Cut(body, "<"+element+">")
		inside, _, _ := strings.Cut(rest, "</"+element+">")
		if want := directive + " '" + hash(inside) + "'"; !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s:\n%s", want, policy)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ got, want string }{
		{span(-1), "0s"},
		{span(59_900_000_000), "59s"},
		{span(3*minute + 12e9), "3m 12s"},
		{span(2 * hour), "2h"},
		{span(50 * hour), "2d 2h"},
		{number(0), "0"},
		{number(0.04), "0.04"},
		{number(0.4), "0.4"},
		{number(3), "3"},
		{number(12.34), "12"},
		{number(1234), "1.2k"},
		{number(5e13), "50T"},
		{size(512), "512 B"},
		{size(1536), "1.5 KiB"},
		{length(0), "–"},
		{length(0.42), "0.4 ms"},
		{length(1500), "1.5 s"},
		{plural(1, "cluster"), "1 cluster"},
		{plural(2, "cluster"), "2 clusters"},
		{number(0.001), "0"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
