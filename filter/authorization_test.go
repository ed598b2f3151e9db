package filter_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const onlyReads = `
authorization:
  rules:
  - {name: no-secrets, effect: EFFECT_DENY, principals: ["*"], operations: [OPERATION_ALL], topics: ["apples.secret*"]}
  - {effect: EFFECT_ALLOW, principals: ["*"], operations: [OPERATION_WRITE], topics: ["apples*"]}
`

// What rules deny is answered so, counted by rule, told once in the log, and in the access log with the rule.
func TestDenied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	withMesh(t, fmt.Sprintf("%s%saccess_log: {path: %q}\n", twoClusters, onlyReads, path), func(m *mesh) {
		c := m.connect()
		c.session.Data(produce(1, "apples"))
		c.session.Data(produce(2, "apples.secrets"))
		c.session.Data(produce(3, "bananas"))
		c.session.Data(produce(4, "apples.secrets"))
		var codes []string
		for _, frame := range c.wantAnswers(1, 2, 3, 4) {
			_, response, err := wiretest.ParseResponse(wire.KeyProduce, 9, frame)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, wire.ErrorCode(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode).String())
		}
		want := []string{"NONE", "TOPIC_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"}
		if diff := cmp.Diff(want, codes); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
		for name, want := range map[string]int64{"denied.no-secrets": 2, "denied.1": 0, "denied.no_rule": 1, "unmatched_topics": 0} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
		const line = "authorization does not let a client do this: allow it by a rule, or correct the client"
		for _, want := range []string{
			`topic=apples.secrets principal=ANONYMOUS rule=no-secrets reason=denied api=Produce told=TOPIC_AUTHORIZATION_FAILED error="principal \"ANONYMOUS\" may not WRITE topic \"apples.secrets\""`,
			`topic=bananas principal=ANONYMOUS rule=no_rule reason=denied`,
		} {
			if log := m.log(); strings.Count(log, `"`+line+`" `) != 2 || !strings.Contains(log, want) {
				t.Errorf("the log is\n%swant two lines, and\n%s", log, want)
			}
		}
		type decided struct{ Principal, Decision, Rule, Outcome string }
		var got []decided
		for _, line := range m.logged(path) {
			var d decided
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			got = append(got, d)
		}
		denied := decided{"ANONYMOUS", "denied", "no-secrets", "refused"}
		if diff := cmp.Diff([]decided{{"ANONYMOUS", "allowed", "1", "ok"}, denied, {"ANONYMOUS", "denied", "no_rule", "refused"}, denied}, got); diff != "" {
			t.Errorf("access log (-want +got):\n%s", diff)
		}
	})
}
