package upstream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A coordinator is asked for once, remembered, and asked for again when it is doubted, or cannot be reached.
func TestCoordinator(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		d.Coordinate("g", 2)
		call := func(what string, dials ...string) {
			t.Helper()
			if _, err := b.call(target.Coordinator("g")); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			d.want(t, what, dials...)
		}
		if _, err := b.call(target.Coordinator("g")); err != nil {
			t.Fatal(err)
		}
		d.forget()
		call("from memory")
		d.Coordinate("g", 3)
		call("nobody has doubted it")
		b.way.Doubt(target.Coordinator("g"))
		if _, err := b.call(target.Coordinator("g")); err != nil {
			t.Errorf("doubted: %v", err)
		}
		d.forget()
		d.Coordinate("g", -1)
		b.way.Doubt(target.Coordinator("g"))
		_, err := b.call(target.Coordinator("g"))
		if said, ok := errors.AsType[*upstream.CoordinatorError](err); !ok || said.Code != wire.CoordinatorNotAvailable {
			t.Errorf("nobody coordinates: %v", err)
		}
		d.Coordinate("g", 1)
		if _, err := b.call(target.Coordinator("g")); err != nil { // whoever was asked for it may have been dialled before
			t.Errorf("there is one again: %v", err)
		}
	})
}

// A client's own links are its own, may take their time, and end with it.
func TestOwn(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		release := make(chan struct{})
		d.Handle(wire.KeyFetch, link.Range{Min: 4, Max: 11}, func(int32, kmsg.Request) kmsg.Response {
			<-release
			return kmsg.NewPtrFetchResponse()
		})
		first, second := b.way.Own(""), b.way.Own("")
		results := make(chan error, 2)
		ask := func(o *upstream.Own) {
			o.Call(target.Node(1), kmsg.NewPtrFetchRequest(), 11, time.Hour, func(_ kmsg.Response, err error) { results <- err })
		}
		ask(first)
		ask(second)
		d.want(t, "a link each", "1:9092", "1:9092")
		<-time.After(10 * time.Minute) // longer than any other call may take
		if _, err := b.call(target.Node(1)); err != nil {
			t.Errorf("a call on a shared link: %v", err)
		}
		first.Close()
		if err := <-results; err == nil {
			t.Error("the call of a client that is gone has an answer")
		}
		close(release)
		if err := <-results; err != nil {
			t.Errorf("the other client's: %v", err)
		}
		ask(first)
		if err := <-results; err == nil {
			t.Error("a call of a client that is gone is sent")
		}
		second.Close()
	})
}
