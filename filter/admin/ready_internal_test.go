package admin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	mesh := func(policy status.Readiness, states ...status.State) status.Mesh {
		m := status.Mesh{Readiness: policy}
		for i, s := range states {
			m.Clusters = append(m.Clusters, status.Cluster{Name: string(rune('a' + i)), State: s})
		}
		return m
	}
	const up, down, unknown = status.Reachable, status.Unreachable, status.Unknown
	draining := mesh(status.ReadinessAll, down)
	draining.Draining = true
	for _, tc := range []struct {
		name     string
		meshes   []status.Mesh
		draining bool
		broken   int
		want     string // the reason; empty: ready
	}{
		{"all can be reached", []status.Mesh{mesh(status.ReadinessAll, up, up)}, false, 0, ""},
		{"one cannot", []status.Mesh{mesh(status.ReadinessAll, up, down)}, false, 0, "1 of 2 clusters cannot be reached: b"},
		{"none can", []status.Mesh{mesh(status.ReadinessAny, down, down)}, false, 0, "no cluster can be reached"},
		{"one can, which is enough", []status.Mesh{mesh(status.ReadinessAny, down, up)}, false, 0, ""},
		{"nobody has tried", []status.Mesh{mesh(status.ReadinessAll, up, unknown)}, false, 0, "not tried yet: b"},
		{"nobody has tried any", []status.Mesh{mesh(status.ReadinessAny, unknown)}, false, 0, "not tried yet: a"},
		{
			"another mesh is not ready",
			[]status.Mesh{mesh(status.ReadinessAny, up), mesh(status.ReadinessAll, down)},
			false, 0,
			"1 of 2 clusters cannot be reached: a",
		},
		{"a mesh that drains does not count", []status.Mesh{draining, mesh(status.ReadinessAll, up)}, false, 0, ""},
		{"all meshes drain", []status.Mesh{draining}, false, 0, "no configuration is at work yet"},
		{"none yet", nil, false, 0, "no configuration is at work yet"},
		{"the process is about to end", []status.Mesh{mesh(status.ReadinessAll, up)}, true, 0, "the process is about to end, or has a successor"},
		{"a bug", []status.Mesh{mesh(status.ReadinessAll, up)}, false, 1, "a bug keeps a mesh from being asked; the log says more"},
		{
			"many",
			[]status.Mesh{mesh(status.ReadinessAll, down, down, down, down, down, down, down, up)},
			false, 0,
			"7 of 8 clusters cannot be reached: a, b, c, d, e and 2 more",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v := judge(tc.meshes, tc.draining, tc.broken)
			if v.Reason != tc.want || v.Ready != (tc.want == "") {
				t.Errorf("judge = %v, %q, want %q", v.Ready, v.Reason, tc.want)
			}
		})
	}
}

func TestVerdictOfOneCluster(t *testing.T) {
	t.Parallel()
	f := newFake()
	v := judge([]status.Mesh{f.mesh}, false, 0)
	if one, ok := v.only("kafka_c1"); !ok || !one.Ready {
		t.Errorf("kafka_c1: %+v, want ready", one)
	}
	one, ok := v.only("kafka_c2")
	want := "not ready: cannot be reached\n" +
		"orders/kafka_c2: cannot be reached for 3m 12s: connect to c2-a.kafka.internal.example.com:9092: nobody listens there\n"
	if diff := cmp.Diff(want, one.text(noon)); !ok || diff != "" {
		t.Errorf("kafka_c2 (-want +got):\n%s", diff)
	}
	if _, ok := v.only("kafka_c9"); ok {
		t.Error("there is a kafka_c9")
	}
}
