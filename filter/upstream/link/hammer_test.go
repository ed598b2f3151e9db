package link_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestHammerLink has many senders share a link to a broker that ends it at some time. Each call hears once, its own answer or a failure.
func TestHammerLink(t *testing.T) {
	t.Parallel()
	for name, network := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				hammer(t, network(t))
			}
		})
	}
}

func hammer(t *testing.T, n *network) {
	t.Helper()
	b := start(t, n)
	go n.echo()
	time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, func() { _ = n.far.Close() })
	var senders sync.WaitGroup
	var answered, failed, refused atomic.Int64
	for s := range 8 {
		senders.Go(func() {
			for i := range 200 {
				c := newCall(strings.Repeat(fmt.Sprintf("%d-%d ", s, i), 1+rand.IntN(2000)))
				if b.link.Send(c) != nil {
					refused.Add(1)
					return
				}
				if i%5 > 0 {
					continue
				}
				if <-c.done; c.err != nil {
					failed.Add(1)
					continue
				}
				answered.Add(1)
				if string(c.got) != c.text {
					t.Errorf("call %.20q got %.20q", c.text, c.got)
				}
			}
		})
	}
	senders.Wait()
	b.stop()
	t.Logf("%d answered, %d failed, %d not taken", answered.Load(), failed.Load(), refused.Load())
}
