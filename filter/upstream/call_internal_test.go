package upstream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Whether a line is believed to answer is for brokers to say: by an answer, by a failure, or by silence to what they answer soon.
func TestLineAnswers(t *testing.T) {
	t.Parallel()
	version := fmt.Errorf("send: %w", wire.ErrVersion)
	for _, tc := range []struct {
		name   string
		failed bool
		asked  []call // in flight
		landed error  // of the first of them, after a silence
		want   bool
	}{
		{"nothing is in flight", false, nil, nil, true},
		{"a call is not answered", false, []call{{}}, nil, false},
		{"a patient call is not answered", false, []call{{patient: true}}, nil, true},
		{"a call behind a patient one is not", false, []call{{patient: true}, {}}, nil, true},
		{"one call fails", false, []call{{}, {}}, errors.New("cut"), false},
		{"a version that the broker does not have", false, []call{{}}, version, true},
		{"one that is withdrawn", false, []call{{}}, errWithdrawn, true},
		{"one whose client is gone", false, []call{{}}, errGone, true},
		{"one that is withdrawn from a line that has failed", true, []call{{}}, errWithdrawn, false},
		{"one that is withdrawn from a silent line", false, []call{{}, {}}, errWithdrawn, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := &line{calls: &calls{}, up: true, failed: tc.failed, heard: time.Now().Add(-2 * silence), idle: time.AfterFunc(time.Hour, func() {})}
			defer func() { l.idle.Stop() }()
			for _, q := range tc.asked {
				if l.inFlight++; q.patient {
					l.patient++
				}
			}
			if tc.landed != nil {
				l.landed(&tc.asked[0], tc.landed)
			}
			if got := l.answers(); got != tc.want {
				t.Errorf("answers = %t, want %t", got, tc.want)
			}
		})
	}
}
