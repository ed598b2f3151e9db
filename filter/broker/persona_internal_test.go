package broker

import (
	"reflect"
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// room is a Memory that has some.
type room struct{}

func (room) Reserve(int) bool { return true }
func (room) Return(int)       {}

// TestAs has the facade of a persona be like the worker's, but for what it has learnt: a field that is neither is a mistake.
func TestAs(t *testing.T) {
	t.Parallel()
	ups := map[string]Upstream{"c1": {}}
	b := New(APIs(), nil, ups, wire.TopicAuthorizationFailed, Counts{})
	b.Let(AccessAll)
	b.LetGroups(AccessAll)
	b.KeepIn(room{})
	b.Authorize(authorizer.New([]authorizer.Rule{{}}))
	learnt := []string{"ids", "listing", "members", "recalls", "classics", "prepared"}
	other := []string{"routes", "personas", "upstreams", "counts", "converters"} // nil here, or not to be compared
	was, is := reflect.ValueOf(b).Elem(), reflect.ValueOf(b.As(ups)).Elem()
	for i := range was.NumField() {
		name := was.Type().Field(i).Name
		switch zero := is.Field(i).IsZero(); {
		case slices.Contains(other, name):
		case slices.Contains(learnt, name):
			if !zero {
				t.Errorf("%s is taken over from another persona", name)
			}
		case zero:
			t.Errorf("%s is not taken over; is it learnt?", name)
		}
	}
}
