package filter_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// throttleOf is what a Produce was told to wait for.
func throttleOf(t *testing.T, frame []byte) int32 {
	t.Helper()
	_, response, err := wiretest.ParseResponse(wire.KeyProduce, 9, frame)
	if err != nil {
		t.Fatal(err)
	}
	produced := response.(*kmsg.ProduceResponse)
	if code := wire.ErrorCode(produced.Topics[0].Partitions[0].ErrorCode); code != wire.None {
		t.Errorf("a batch is answered with %s", code)
	}
	return produced.ThrottleMillis
}

// All of a principal's connections share what a rule lets it do, whichever worker they are of. It is counted by rule and written down.
func TestQuotas(t *testing.T) {
	t.Parallel()
	size := int64(len(produce(1, "apples")) - 4)
	path := filepath.Join(t.TempDir(), "access.log")
	rules := fmt.Sprintf("quotas: {rules: [{principals: [ann], unlimited: true}, {name: others, principals: ['*'], produce_bytes_per_second: %d}]}\n", 2*size)
	withMesh(t, fmt.Sprintf("%s%saccess_log: {path: %q}\n", twoClusters, rules, path), func(m *mesh) {
		one, two := m.connectTo(0), m.connectTo(1)
		one.session.Data(produce(1, "apples"))
		two.session.Data(produce(2, "apples"))
		one.wantAnswers(1)
		two.wantAnswers(2)
		one.session.Data(produce(3, "apples"))
		if got := throttleOf(t, one.wantAnswers(1, 3)[1]); got != 500 || !one.isPaused() || two.isPaused() {
			t.Errorf("throttled for %d ms, paused %v, the other %v; want 500, true, false", got, one.isPaused(), two.isPaused())
		}
		one.session.Data(produce(4, "apples"))
		one.wantAnswers(1, 3)
		bubble.Advance(500 * time.Millisecond)
		synctest.Wait()
		if got := throttleOf(t, one.wantAnswers(1, 3, 4)[2]); got != 500 {
			t.Errorf("throttled for %d ms, want 500", got)
		}
		for name, want := range map[string]int64{"quotas.others.throttled": 2, "quotas.others.throttle_time_ms": 1000, "quotas.0.throttled": 0} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
		var got []int64
		for _, line := range m.logged(path) {
			var told struct {
				Throttled int64 `json:"throttled_us"`
			}
			if err := json.Unmarshal([]byte(line), &told); err != nil {
				t.Fatal(err)
			}
			got = append(got, told.Throttled)
		}
		if diff := cmp.Diff([]int64{0, 0, 500_000, 500_000}, got); diff != "" {
			t.Errorf("access log (-want +got):\n%s", diff)
		}
		if got := len(m.c1.Stored("apples", 0)); got != 4 {
			t.Errorf("%d batches are stored, want 4", got)
		}
	})
}
