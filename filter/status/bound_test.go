package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

func TestName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"a plain one", "apples.orders", "apples.orders"},
		{"markup is a matter of who shows it", "<script>", "<script>"},
		{"lines", "a\r\nb", "a��b"},
		{"what turns text around", "a\u202eb", "a�b"},
		{"what is no text", "a\xffb", "a�b"},
		{"a long one", strings.Repeat("x", 1000), strings.Repeat("x", status.MaxName-3) + "…"},
		{"a long one of what is no text", strings.Repeat("\xff", 1000), strings.Repeat("�", (status.MaxName-3)/3) + "…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := status.Name(tc.text); got != tc.want {
				t.Errorf("Name(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

// TestBound fills a mesh with more than may be shown.
func TestBound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é<\n", 10_000)
	m := status.Mesh{
		Name: long, Listener: long, Advertised: long, Warnings: []string{long}, Rules: []status.Rule{{Prefix: long, Cluster: long}},
		GroupRules: []status.GroupRule{{Prefix: long, Cluster: long}}, GroupHome: long,
	}
	m.Clusters = []status.Cluster{{
		Name: long, BootstrapServers: []string{long}, Security: long, LastError: long, Brokers: []status.Broker{{Address: long}},
	}}
	for range 2000 {
		m.Clients.Software = append(m.Clients.Software, status.Software{Name: long})
		m.Clients.Busiest = append(m.Clients.Busiest, status.Client{Address: long, ID: long, Software: long})
		m.Clients.Unmatched = append(m.Clients.Unmatched, status.Unmatched{Topic: long, Client: long, ClientID: long, Software: long})
		m.Clients.Closings = append(m.Clients.Closings, status.Closing{Client: long, ClientID: long, Software: long, Kind: long, Reason: long})
		m.Clients.Throttled = append(m.Clients.Throttled, status.Throttled{Rule: long, Principal: long})
		m.Clients.Groups = append(m.Clients.Groups, status.Group{ID: long, Home: long, Coordinator: long, Commits: []string{long}, LastRefused: status.RefusedCommit{
			Cluster: long, Code: long, Reason: long, Client: long, ClientID: long,
		}})
		m.Clients.Refusals = append(m.Clients.Refusals, status.Refusal{Kind: long, Client: long, ClientID: long, Software: long})
	}
	m.Bound()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	// Each of < and newline is longer in JSON.
	const fields, texts = 29, 2
	if most := 6 * status.MaxRows * (fields*status.MaxName + texts*status.MaxText); len(text) > most || !utf8.Valid(text) {
		t.Errorf("%d bytes, valid: %v, want at most %d", len(text), utf8.Valid(text), most)
	}
	var back status.Mesh
	if err := json.Unmarshal(text, &back); err != nil || len(back.Clients.Closings) != status.MaxRows {
		t.Errorf("%d closings come back, %v, want %d", len(back.Clients.Closings), err, status.MaxRows)
	}
}
