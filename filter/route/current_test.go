package route_test

import (
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
)

func TestCurrent(t *testing.T) {
	t.Parallel()
	var c route.Current
	want := func(topic, cluster string) {
		t.Helper()
		if got, ok := c.Lookup(topic); got.Cluster != cluster || ok != (cluster != "") {
			t.Errorf("Lookup(%s) = %q, %t; want %q", topic, got, ok, cluster)
		}
	}
	want("apples", "")
	c.Store(route.New([]route.Rule{{Prefix: "a", Cluster: "c1"}}))
	want("apples", "c1")
	want("bananas", "")
	c.Store(route.New([]route.Rule{{Prefix: "b", Cluster: "c2"}}))
	want("apples", "")
	want("bananas", "c2")
	c.Store(route.Table{})
	want("bananas", "")
}

// TestHammerCurrent replaces a table that others look into: they find what one of the tables says, never a mixture.
func TestHammerCurrent(t *testing.T) {
	t.Parallel()
	var c route.Current
	tables := []route.Table{
		route.New([]route.Rule{{Prefix: "ab", Cluster: "c1"}, {Prefix: "a", Cluster: "c2"}}),
		route.New([]route.Rule{{Prefix: "a", Cluster: "c3"}}),
	}
	c.Store(tables[0])
	var readers, writer sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for range 10_000 {
				if got, ok := c.Lookup("abc"); !ok || got.Cluster != "c1" && got.Cluster != "c3" {
					t.Errorf("Lookup = %q, %t", got, ok)
					return
				}
			}
		})
	}
	writer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
				c.Store(tables[n%2])
			}
		}
	})
	readers.Wait()
	close(done)
	writer.Wait()
}
