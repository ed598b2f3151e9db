package filter_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// That a configuration is taken, and let go, is said in a line each.
func TestAnnounced(t *testing.T) {
	t.Parallel()
	var m *mesh
	withMesh(t, twoClusters, func(running *mesh) {
		m = running
		want := `msg="configuration taken" version=devel clusters="c1 (1 address), c2 (1 address)" rules="apples* to c1, bananas* to c2" ` +
			"groups=\"all on c1\" advertised=mesh.example:9092 authorization=\"none, every client may do everything\"\n"
		if log := m.log(); strings.Count(log, "\n") != 1 || !strings.Contains(log, want) {
			t.Errorf("the log is\n%swant\n%s", log, want)
		}
		m.connect().session.Closed()
		m.connect().session.Closed()
		bubble.Advance(time.Hour)
	})
	m.said.mu.Lock()
	defer m.said.mu.Unlock()
	if log := string(m.said.text); !strings.HasSuffix(log, `msg="configuration let go" version=devel for=1h0m0s clients=2`+"\n") {
		t.Errorf("the log is\n%s", log)
	}
}

// A configuration with many rules has a line that can be read.
func TestAnnouncedInShort(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("upstream_clusters:\n")
	for i := range 30 {
		fmt.Fprintf(&text, "- {cluster_name: k%d, bootstrap_servers: \"a:1,b:1\"}\n", i)
	}
	text.WriteString("forwarding_rules:\n")
	for i := range 30 {
		fmt.Fprintf(&text, "- {target_cluster: k%d, topic_prefix: p%02d}\n", i, i)
	}
	withMesh(t, text.String(), func(m *mesh) {
		for _, want := range []string{
			`k19 (2 addresses), 10 more"`, `rules="p00* to k0, `, `p19* to k19, 10 more"`, `groups="all on k0"`, `advertised="the address dialled"`,
		} {
			if log := m.log(); !strings.Contains(log, want) {
				t.Errorf("the log is\n%swant %s in it", log, want)
			}
		}
	})
}

// Rules for one operation, and homes of groups, are said.
func TestAnnouncedApart(t *testing.T) {
	t.Parallel()
	const rules = `
- {target_cluster: c2, topic_prefix: apples, operations: [OPERATION_READ]}
- {target_cluster: c1, topic_prefix: apples}
- {target_cluster: c1, topic_prefix: ""}
group_rules: [{target_cluster: c2, group_prefix: billing.}]
`
	clusters, _, _ := strings.Cut(twoClusters, "forwarding_rules:")
	withMesh(t, clusters+"forwarding_rules:"+rules, func(m *mesh) {
		const want = `rules="apples* to c2 for reads, apples* to c1 for writes, * to c1" groups="billing.* on c2, others on c1" advertised=`
		if log := m.log(); !strings.Contains(log, want) {
			t.Errorf("the log is\n%swant %s in it", log, want)
		}
	})
}

// Who wants to know everything is told of clients that come and go, connections to brokers, and batches that fail.
func TestDebug(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		level slog.Level
		want  int
	}{{slog.LevelDebug, 1}, {slog.LevelInfo, 0}} {
		withMesh(t, twoClusters, func(m *mesh) {
			m.level.Set(tt.level)
			c := m.connect()
			c.session.Data(versions("kgo", "orders"))
			c.session.Data(produce(1, "apples"))
			c.session.Data(produceApples(2, 1, 99, batch())) // there is no such partition
			c.waitAnswers(3)
			c.session.End()
			c.session.Closed()
			m.c1.Cut(1)
			for _, line := range []string{
				`msg="a client has connected" client=10.0.0.1:999`,
				`msg="a client is gone" reason=left for=`,
				`msg="connected to a broker" worker=0 cluster=c1 node=1 address=`,
				`msg="a connection to a broker is gone" worker=0 cluster=c1 error=`,
				`msg="a batch has failed" worker=0 cluster=c1 topic=apples partition=99 told=UNKNOWN_TOPIC_OR_PARTITION`,
			} {
				if got := strings.Count(m.log(), line); got != tt.want {
					t.Errorf("at %s: %d lines with %s, want %d\n%s", tt.level, got, line, tt.want, m.log())
				}
			}
		})
	}
}

// How many rules of authorization there are is said.
func TestAnnouncedAuthorization(t *testing.T) {
	t.Parallel()
	const rules = `
authorization:
  rules:
  - {effect: EFFECT_ALLOW, principals: ["*"], operations: [OPERATION_READ], topics: ["*"]}
  - {effect: EFFECT_ALLOW, principals: ["*"], operations: [OPERATION_WRITE], topics: ["*"]}
`
	withMesh(t, twoClusters+rules, func(m *mesh) {
		if log := m.log(); !strings.Contains(log, `authorization="2 rules"`) {
			t.Errorf("the log is\n%s", log)
		}
	})
}
