package accesslog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
)

// told is a host that remembers what it is told.
type told struct {
	keys   []string
	values map[string]any
}

var _ accesslog.Host = (*told)(nil)

func (t *told) Text(key, value string)         { t.tell(key, value) }
func (t *told) Number(key string, value int64) { t.tell(key, value) }
func (t *told) State(key string, value []byte) { t.tell(key, string(value)) }

func (t *told) tell(key string, value any) {
	if t.values == nil {
		t.values = map[string]any{}
	}
	t.keys = append(t.keys, key)
	t.values[key] = value
}

// TestHostFields wants a host to be told what is documented, in that order, and of a connection without anything what it always is.
func TestHostFields(t *testing.T) {
	t.Parallel()
	var documented, always []string
	for _, f := range accesslog.HostFields() {
		documented = append(documented, f.Name)
		if f.Always {
			always = append(always, f.Name)
		}
	}
	var all, least told
	(&accesslog.Connection{
		ClientID: "orders", Software: "librdkafka 2.16.0", Principal: "ann", Mechanism: "SCRAM-SHA-512", Requests: 1, Failures: 2, Refusals: 3, Unanswered: 4, Records: 5, BatchBytes: 6,
		RequestBytes: 7, ResponseBytes: 8, Topics: []string{"a", "b"}, Clusters: []string{"c", "d"}, LastError: "e", ClosedBecause: "f",
		LastRequest: []byte("{}"), LastFailure: []byte("{}"),
	}).Tell(&all)
	new(accesslog.Connection).Tell(&least)
	if diff := cmp.Diff(documented, all.keys); diff != "" {
		t.Errorf("told of everything (-documented +told):\n%s", diff)
	}
	if diff := cmp.Diff(always, least.keys); diff != "" {
		t.Errorf("told of nothing (-documented +told):\n%s", diff)
	}
	if all.values["topics"] != "a,b" || all.values["batch_bytes"] != int64(6) {
		t.Errorf("told %v", all.values)
	}
}

// TestHostTexts wants nothing in them that ends a line or a text of whatever format a host's log has.
func TestHostTexts(t *testing.T) {
	t.Parallel()
	var h told
	(&accesslog.Connection{ClientID: "a\nb\"c\\d\x00\xffé漢", LastError: `topic "dates"`}).Tell(&h)
	want := map[string]any{"client_id": "a?b'c?d??é漢", "last_error": "topic 'dates'", "requests": int64(0)}
	if diff := cmp.Diff(want, h.values); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
