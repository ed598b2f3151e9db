package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

func TestCheckReaders(t *testing.T) {
	t.Parallel()
	log := ledger.Log{Records: []ledger.Found{{Offset: 0, Sum: 10}, {Offset: 1, Sum: 11}, {Offset: 2, Sum: 12}}}
	given := func(offsets ...int64) (all []ledger.Delivery) {
		for _, o := range offsets {
			all = append(all, ledger.Delivery{Offset: o, Sum: uint64(10 + o)})
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		given []ledger.Delivery
		once  bool
		want  []ledger.Kind
		again int
	}{
		{"all well", given(0, 1, 2), true, nil, 0},
		{"again, as groups may", given(0, 1, 0, 1, 2), false, nil, 2},
		{"again, as others may not", given(0, 1, 1, 2), true, []ledger.Kind{ledger.Again}, 1},
		{"one skipped", given(0, 2), false, []ledger.Kind{ledger.Skipped}, 0},
		{"one that is not there", given(0, 1, 2, 3), false, []ledger.Kind{ledger.Invented}, 0},
		{"another content", append(given(0, 1), ledger.Delivery{Offset: 2}), false, []ledger.Kind{ledger.Altered}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reader := ledger.Reader{Name: "r", Given: tt.given, Once: tt.once}
			var got []ledger.Kind
			for _, f := range ledger.CheckReaders([]ledger.Reader{reader}, []ledger.Log{log}) {
				got = append(got, f.Kind)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := reader.Again(); n != tt.again {
				t.Errorf("%d given again, want %d", n, tt.again)
			}
		})
	}
}
