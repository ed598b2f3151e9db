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
	c.Store(route.Tables{Written: route.New([]route.Rule{{Prefix: "a", Cluster: "c1"}})})
	want("apples", "c1")
	want("bananas", "")
	c.Store(route.Tables{Written: route.New([]route.Rule{{Prefix: "b", Cluster: "c2"}})})
	want("apples", "")
	want("bananas", "c2")
	c.Store(route.Tables{})
	want("bananas", "")
}

// What is read may be elsewhere than what is written, and groups are where their rules say, or else at one home.
func TestReadsAndHomes(t *testing.T) {
	t.Parallel()
	var c route.Current
	if home := c.Home("g"); home != "" {
		t.Errorf("Home(g) = %q without tables", home)
	}
	c.Store(route.Tables{
		Written:     route.New([]route.Rule{{Prefix: "a", Cluster: "c1"}}),
		Read:        route.New([]route.Rule{{Prefix: "a", Cluster: "c2"}}),
		Groups:      route.New([]route.Rule{{Prefix: "billing.", Cluster: "c3"}}),
		DefaultHome: "c1",
	})
	if r, ok := c.Lookup("apples"); r.Cluster != "c1" || !ok {
		t.Errorf("Lookup(apples) = %v, %t; want c1", r, ok)
	}
	if r, ok := c.Reads("apples"); r.Cluster != "c2" || !ok {
		t.Errorf("Reads(apples) = %v, %t; want c2", r, ok)
	}
	for group, want := range map[string]string{"billing.x": "c3", "billing": "c1", "": "c1"} {
		if home := c.Home(group); home != want {
			t.Errorf("Home(%q) = %q, want %s", group, home, want)
		}
	}
}

// TestHammerCurrent replaces a table that others look into: they find what one of the tables says, never a mixture.
func TestHammerCurrent(t *testing.T) {
	t.Parallel()
	var c route.Current
	tables := []route.Table{
		route.New([]route.Rule{{Prefix: "ab", Cluster: "c1"}, {Prefix: "a", Cluster: "c2"}}),
		route.New([]route.Rule{{Prefix: "a", Cluster: "c3"}}),
	}
	c.Store(route.Tables{Written: tables[0]})
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
				c.Store(route.Tables{Written: tables[n%2]})
			}
		}
	})
	readers.Wait()
	close(done)
	writer.Wait()
}
