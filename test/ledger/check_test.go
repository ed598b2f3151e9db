package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	here, there := ledger.Place{Cluster: "c1", Topic: "a"}, ledger.Place{Cluster: "c2", Topic: "a"}
	ok := func(offset int64) ledger.Told { return ledger.Told{Outcome: ledger.Acknowledged, Offset: offset} }
	found := func(number int, offset int64) ledger.Found {
		return ledger.Found{Writer: "w", Number: number, Offset: offset}
	}
	for _, tt := range []struct {
		name string
		told []ledger.Told
		logs []ledger.Log
		want []ledger.Kind
	}{
		{"all well", []ledger.Told{ok(0), ok(1)}, []ledger.Log{{here, []ledger.Found{found(0, 0), found(1, 1)}}}, nil},
		{"nothing", nil, nil, nil},
		{
			"lost",
			[]ledger.Told{ok(0), ok(-1)},
			[]ledger.Log{{here, []ledger.Found{found(0, 0)}}},
			[]ledger.Kind{ledger.Lost},
		},
		{
			"twice",
			[]ledger.Told{ok(0), ok(1)},
			[]ledger.Log{{here, []ledger.Found{found(0, 0), found(1, 1), found(0, 2)}}},
			[]ledger.Kind{ledger.Duplicated},
		},
		{
			"twice, one after the other",
			[]ledger.Told{ok(1)},
			[]ledger.Log{{here, []ledger.Found{found(0, 0), found(0, 1)}}},
			[]ledger.Kind{ledger.Duplicated},
		},
		{
			"in another order",
			[]ledger.Told{ok(1), ok(2), ok(0)},
			[]ledger.Log{{here, []ledger.Found{found(2, 0), found(0, 1), found(1, 2)}}},
			[]ledger.Kind{ledger.Reordered, ledger.Reordered},
		},
		{
			"changed",
			[]ledger.Told{{Outcome: ledger.Acknowledged, Sum: 5}},
			[]ledger.Log{{here, []ledger.Found{found(0, 0)}}},
			[]ledger.Kind{ledger.Changed},
		},
		{
			"nobody's", nil,
			[]ledger.Log{{here, []ledger.Found{{}, found(0, 1)}}},
			[]ledger.Kind{ledger.Changed, ledger.Changed},
		},
		{
			"wrong offset",
			[]ledger.Told{ok(7)},
			[]ledger.Log{{here, []ledger.Found{found(0, 0)}}},
			[]ledger.Kind{ledger.WrongOffset},
		},
		{
			"wrong cluster",
			[]ledger.Told{ok(0)},
			[]ledger.Log{{there, []ledger.Found{found(0, 0)}}},
			[]ledger.Kind{ledger.WrongPlace, ledger.Lost},
		},
		{
			"never answered, and refused",
			[]ledger.Told{{}, {Outcome: ledger.Refused}},
			nil,
			[]ledger.Kind{ledger.Unanswered, ledger.Declined},
		},
		{
			"given up, and stored or not",
			[]ledger.Told{{Outcome: ledger.Abandoned}, {Outcome: ledger.Abandoned}},
			[]ledger.Log{{here, []ledger.Found{found(1, 0)}}},
			nil,
		},
		{
			"topic made again",
			[]ledger.Told{ok(0), ok(0)},
			[]ledger.Log{{here, []ledger.Found{found(0, 0), found(1, 1)}}, {here, []ledger.Found{found(1, 0)}}},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []ledger.Kind
			report := ledger.Check([]ledger.Writer{{Name: "w", Place: here, Told: tt.told}}, tt.logs)
			for _, f := range report {
				got = append(got, f.Kind)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, report)
			}
		})
	}
}

// What is twice is said with whose the broker takes each for.
func TestWhose(t *testing.T) {
	t.Parallel()
	w := ledger.Writer{Name: "w", Told: []ledger.Told{{Outcome: ledger.Acknowledged}}}
	report := ledger.Check([]ledger.Writer{w}, []ledger.Log{{Records: []ledger.Found{
		{Writer: "w", Under: "producer 7, epoch 0"}, {Writer: "w", Offset: 3, Under: "producer 7, epoch 1"},
	}}})
	want := "duplicated: number 0 of w at :/0 at offsets 0 (producer 7, epoch 0) and 3 (producer 7, epoch 1)"
	if report.String() != want {
		t.Errorf("says %q, want %q", report, want)
	}
}
