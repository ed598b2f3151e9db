package loop_test

import (
	"os"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// A loop and its sockets may be closed in any order: nothing is left of either, and nobody else's descriptor is taken for theirs.
func TestDescriptors(t *testing.T) { //nolint:paralleltest // it counts those of the process
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	before := count()
	for _, loopFirst := range []bool{true, false} {
		l := loop.New(func(any, []byte) {})
		e := sockettest.TCP(t)
		s := l.Watch(e.Near, func() { _ = e.Near.Close() }, &user{t: t, read: func(r socket.Reader) { r.Next() }, over: make(chan error, 4)})
		if loopFirst {
			l.Close()
		}
		s.Pause(true)
		if loopFirst {
			l.Post(func() { t.Error("called after Close") })
		}
		s.Close()
		if !loopFirst {
			l.Close()
		}
		_ = e.Far.Close()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, want the %d from before", after, before)
	}
}
