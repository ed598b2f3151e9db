package contrib

import (
	"bytes"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// kernel says what a client has not read.
type kernel struct {
	unread, asked atomic.Int64
	blind         atomic.Bool
}

func (k *kernel) say(local, remote netip.AddrPort) (int, bool) {
	k.asked.Add(1)
	return int(k.unread.Load()), !k.blind.Load() && local.String() == "10.0.0.2:9092" && remote.String() == "10.0.0.1:999"
}

// flood sends requests until nothing more is answered, which are n bytes of answers at most, and returns how many bytes of answers were
// written meanwhile.
func flood(f *leaf, cb *callback, n int) int {
	began := cb.size()
	for last := -1; cb.size() != last && cb.size()-began < n; {
		last = cb.size()
		f.OnData(apiVersions, false)
		synctest.Wait()
	}
	return cb.size() - began
}

// A client that does not read is answered no more than so much, and goes on when it has read: as soon as it sends, or after a moment. Of a
// connection that the kernel does not know nobody can tell.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		k, cb := &kernel{}, &callback{}
		k.unread.Store(1)
		f := connect(t, newLoader(&log), packed(t, wrapperspb.String(text)), cb).(*leaf)
		f.conn.backlog.unread = k.say
		if n := flood(f, cb, 4*mostUnread); n < mostUnread || n > mostUnread+1<<10 {
			t.Errorf("is answered with %d bytes, want %d and one more answer at most", n, mostUnread)
		}
		bubble.Advance(10 * time.Second)
		if n := k.asked.Load(); n > 40 {
			t.Errorf("the kernel is asked %d times in ten seconds", n)
		}
		answered := cb.size()
		k.unread.Store(0)
		bubble.Advance(mostPause)
		if cb.size() <= answered {
			t.Error("has read, and is not answered what it had asked")
		}
		if n := flood(f, cb, 4*mostUnread); n < 4*mostUnread {
			t.Errorf("who reads is answered with %d bytes, want all", n)
		}
		k.blind.Store(true)
		k.unread.Store(1)
		if n := flood(f, cb, 4*mostUnread); n < 4*mostUnread {
			t.Errorf("who cannot be known to read is answered with %d bytes, want all", n)
		}
		f.OnEvent(api.RemoteClose)
		bubble.Advance(2 * releaseAfter)
	})
}
