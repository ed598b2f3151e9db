package admin

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// TestTrafficIsOfTheLastMinute counts faster in the last minute than before.
func TestTrafficIsOfTheLastMinute(t *testing.T) {
	t.Parallel()
	f := newFake()
	c1, rule := f.set.Cluster("kafka_c1"), f.set.Rule("")
	h := history{}
	for i := range 100 {
		n := int64(10)
		if i >= 100-lately {
			n = 50
		}
		c1.Batches.Add(n)
		c1.Bytes.Add(1000 * n)
		c1.Records.Add(3 * n)
		c1.Failed.Add(1)
		rule.Bytes.Add(n)
		rule.ReadBytes.Add(2 * n)
		c1.Fetch.Bytes.Add(7 * n)
		h.take(f.Read(), noon.Add(time.Duration(i)*interval))
	}
	mesh := f.mesh
	h.fill(&mesh)
	batches := int64(10*(100-lately) + 50*lately)
	want := status.Traffic{
		Batches: batches, Bytes: 1000 * batches, Records: 3 * batches, Failed: 100, ReadBytes: 7 * batches, ReadPerSecond: 70,
		BatchesPerSecond: 10, BytesPerSecond: 10_000, RecordsPerSecond: 30, FailedPerSecond: 0.2,
	}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, mesh.Clusters[0].Traffic, near); diff != "" {
		t.Errorf("traffic of the cluster (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, mesh.Traffic, near); diff != "" {
		t.Errorf("traffic of the mesh (-want +got):\n%s", diff)
	}
	if got := mesh.Rules[2].Traffic.BytesPerSecond; got != 10 {
		t.Errorf("the catch-all has %v bytes a second, want 10", got)
	}
}

// TestRulesShareAName has a rule for reads and one for writes with the same prefix, whose metrics have one name.
func TestRulesShareAName(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.set.Rule("").Bytes.Add(5)
	f.set.Rule("").ReadBytes.Add(7)
	f.mesh.Rules = []status.Rule{
		{Cluster: "kafka_c1", Operations: status.Reads}, {Cluster: "kafka_c2", Operations: status.Writes}, {Cluster: "kafka:c3", Operations: status.ReadsAndWrites},
	}
	h := history{}
	h.take(f.Read(), noon)
	mesh := f.mesh
	h.fill(&mesh)
	for i, want := range []status.Traffic{{ReadBytes: 7}, {Bytes: 5}, {Bytes: 5, ReadBytes: 7}} {
		if diff := cmp.Diff(want, mesh.Rules[i].Traffic); diff != "" {
			t.Errorf("traffic of rule %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestTimesAreOfTheLastMinute has what took long before forgotten.
func TestTimesAreOfTheLastMinute(t *testing.T) {
	t.Parallel()
	f := newFake()
	c1 := f.set.Cluster("kafka_c1")
	h := history{}
	h.take(f.Read(), noon)
	for range 1000 {
		c1.TimeTotal.Record(1_000_000)
	}
	for i := range lately + 2 {
		c1.TimeTotal.Record(2000)
		h.take(f.Read(), noon.Add(time.Duration(i+1)*interval))
	}
	mesh := f.mesh
	h.fill(&mesh)
	if got := mesh.Clusters[0].Traffic; got.P50 < 1.7 || got.P99 > 2.3 {
		t.Errorf("p50 = %v ms, p99 = %v ms, want about 2", got.P50, got.P99)
	}
	if got := h.clusters["kafka_c1"].points[0].p50; got < 800 {
		t.Errorf("p50 of the first point = %v ms, want about 1000", got)
	}
}

// TestHistoryIsBounded looks for longer than is kept.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := history{}
	for i := range 3 * points {
		h.take(f.Read(), noon.Add(time.Duration(i)*interval))
	}
	for name, track := range h.clusters {
		if len(track.points) != points || len(track.times) != lately+1 {
			t.Errorf("%s has %d points and %d distributions, want %d and %d", name, len(track.points), len(track.times), points, lately+1)
		}
	}
	h.take(nil, noon)
	if len(h.clusters)+len(h.rules) != 0 {
		t.Error("what has no metrics any more is not forgotten")
	}
}

// TestCountersThatGoBack are those of a mesh that was made anew under its name.
func TestCountersThatGoBack(t *testing.T) {
	t.Parallel()
	track := track{most: points}
	track.take(counts{bytes: 1000}, 0)
	track.take(counts{bytes: 10}, interval)
	if got := track.points[0].bytes; got != 0 {
		t.Errorf("rate = %v, want 0", got)
	}
}

// Failures count as those of the last ten minutes until these are over; what was counted before the mesh was first looked at is not among them.
func TestRecentFailures(t *testing.T) {
	t.Parallel()
	f := newFake()
	login := f.set.Login("SCRAM-SHA-512")
	login.Failed("unknown_user").Add(100)
	b := NewBoard("test", slog.New(slog.DiscardHandler))
	m := &member{source: f}
	b.members = []*member{m}
	told := func(i int) status.Clients {
		m.look(noon.Add(time.Duration(i) * interval))
		return b.gather(noon).Meshes[0].Clients
	}
	if c := told(0); len(c.LoginFailures) != 0 {
		t.Errorf("%+v have failed lately, which is not known", c.LoginFailures)
	}
	login.Failed("unknown_user").Add(2)
	login.Failed("wrong_password").Add(3)
	f.set.TLSFailed(stats.TLSEnded).Add(1)
	want := []status.LoginFailure{
		{Mechanism: "scram_sha_512", Reason: "wrong_password", Times: 3, Recent: 3}, {Mechanism: "scram_sha_512", Reason: "unknown_user", Times: 102, Recent: 2},
	}
	c := told(1)
	if diff := cmp.Diff(want, c.LoginFailures); diff != "" {
		t.Errorf("logins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]status.TLSFailure{{Reason: "ended", Times: 1, Recent: 1}}, c.TLSFailures); diff != "" {
		t.Errorf("handshakes (-want +got):\n%s", diff)
	}
	for i := range points {
		c = told(i + 2)
	}
	if len(c.LoginFailures)+len(c.TLSFailures) != 0 {
		t.Errorf("%+v, %+v have failed in the last ten minutes, want none", c.LoginFailures, c.TLSFailures)
	}
}
