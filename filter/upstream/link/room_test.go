package link_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// narrow is a room that has room when the test says so.
type narrow struct {
	asked chan func() // resumes

	mu   sync.Mutex
	held int
}

var _ link.Room = (*narrow)(nil)

func (n *narrow) Take(size int, resume func()) bool {
	n.mu.Lock()
	n.held += size
	n.mu.Unlock()
	if resume == nil {
		return true
	}
	n.asked <- resume
	return false
}

func (n *narrow) Give(size int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held -= size
}

// keeper keeps its answer in a frame.
type keeper struct {
	*call

	frame *wire.Frame
}

func (k *keeper) Answer(a *link.Answer) error {
	k.frame = a.KeepFrame()
	return k.call.Answer(a)
}

// A long answer is read when there is room for it, and holds that until its frame is released; one that is not kept gives it back.
func TestRoom(t *testing.T) {
	t.Parallel()
	for name, network := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := &narrow{asked: make(chan func(), 10)}
			b := startIn(t, network(t), room)
			go b.network.echo()
			text := strings.Repeat("a long answer ", 50_000)
			k := &keeper{call: newCall(text)}
			if err := b.link.Send(k); err != nil {
				t.Fatal(err)
			}
			resume := <-room.asked
			select {
			case <-k.done:
				t.Error("an answer is read that there is no room for")
			default:
			}
			resume()
			k.wantAnswer(t, text)
			want := wire.FrameMemory(len(k.frame.Bytes()))
			b.wantHeld(room, want)
			dropped := b.send(newCall(text))
			(<-room.asked)()
			dropped.wantAnswer(t, text)
			small := &keeper{call: newCall("short")}
			if err := b.link.Send(small); err != nil {
				t.Fatal(err)
			}
			small.wantAnswer(t, "short")
			lost := b.send(newCall(text))
			late := <-room.asked
			b.stop()
			lost.wantFailure(t, true)
			late()
			b.wantHeld(room, want+wire.FrameMemory(len(small.frame.Bytes())))
		})
	}
}

// wantHeld compares what is held of a room.
func (b *bench) wantHeld(n *narrow, want int) {
	b.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held != want {
		b.t.Errorf("%d bytes are held, want %d", n.held, want)
	}
}

// A link that has waited for room longer than a broker may owe an answer gives it the whole time anew: it was not read.
func TestRoomAfterALongPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room := &narrow{asked: make(chan func(), 10)}
		b := startIn(t, pipes(), room)
		text := strings.Repeat("a long answer ", 10_000)
		c := b.send(newCall(text))
		go func() {
			r, err := b.network.read()
			if err != nil {
				t.Error(err)
			}
			answer := frame(r.correlation, r.rest)
			_, _ = b.network.far.Write(answer[:len(answer)/2])
			bubble.Advance(9 * time.Second) // after the pause
			_, _ = b.network.far.Write(answer[len(answer)/2:])
		}()
		resume := <-room.asked
		bubble.Advance(time.Minute)
		resume()
		c.wantAnswer(t, text)
		b.stop()
	})
}
