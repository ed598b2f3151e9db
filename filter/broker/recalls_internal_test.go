package broker

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
)

// Who waits for what is known of a group hears of it, whoever panics of it, and the panic is not kept from who counts it.
func TestAllHear(t *testing.T) {
	t.Parallel()
	heard := 0
	hear := func(*groups.Known) { heard++ }
	r := recalls{waiting: map[string][]func(*groups.Known){"g": {hear, func(*groups.Known) { panic("a bug") }, hear, hear}}}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nobody is told of the panic")
			}
		}()
		r.tell("g", &groups.Known{})
	}()
	if heard != 3 || len(r.waiting) > 0 {
		t.Errorf("%d of 3 have heard, and %d groups wait still", heard, len(r.waiting))
	}
}
