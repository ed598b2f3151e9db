package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Calls are answered first in, first out, whatever they say.
func TestCallsAreAnswered(t *testing.T) {
	t.Parallel()
	for name, network := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := network(t)
			b := start(t, n)
			go n.echo()
			var calls []*call
			for i := range 100 {
				calls = append(calls, b.send(newCall(strings.Repeat(fmt.Sprint(i, " "), 1+i*i))))
			}
			for _, c := range calls {
				c.wantAnswer(t, c.text)
			}
			b.stop()
			if !errors.Is(b.owner.err, errStopped) {
				t.Errorf("ended because of %v, want %v", b.owner.err, errStopped)
			}
		})
	}
}

// Answers may come cut anywhere, several in one piece, or byte by byte.
func TestSplitAnswers(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 5, 7, 11, 1000, -1, -3, -7, -1000} {
		n := sockets(t)
		if size < 0 {
			n, size = n.in(t), -size
		}
		b := start(t, n)
		calls := []*call{b.send(newCall("one")), b.send(newCall("two")), b.send(newCall("three"))}
		var answers []byte
		for i := range calls {
			if _, err := b.network.read(); err != nil {
				t.Fatal(err)
			}
			answers = append(answers, frame(int32(i), []byte{'a', byte(i)})...)
		}
		for len(answers) > 0 {
			piece := answers[:min(size, len(answers))]
			answers = answers[len(piece):]
			if _, err := b.network.far.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range calls {
			c.wantAnswer(t, string([]byte{'a', byte(i)}))
		}
		b.stop()
		if size == 1000 && b.owner.runs != 1 {
			t.Errorf("answers that came in one piece are told of %d times, want once", b.owner.runs)
		}
	}
}

// What a broker may not answer ends the link, and with it all that is in flight.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]byte{
		"wrong correlation id":    frame(7, []byte("x")),
		"another's":               frame(1, []byte("x")),
		"longer than is read":     {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"a length below zero":     {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"too short":               {0, 0, 0, 3, 0, 0, 0},
		"cut short":               {0, 0, 0, 9, 0, 0, 0, 0, 'x'},
		"nothing":                 nil,
		"one behind the last one": append(frame(0, []byte("first")), append(frame(1, nil), frame(2, nil)...)...),
	} {
		bad := func(t *testing.T, n *network) {
			t.Helper()
			b := start(t, n)
			first, second := b.send(newCall("first")), b.send(newCall("second"))
			for range 2 {
				if _, err := b.network.read(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := b.network.far.Write(answer); err != nil {
				t.Fatal(err)
			}
			_ = b.network.far.Close()
			<-b.owner.ended
			if name == "one behind the last one" {
				first.wantAnswer(t, "first")
				second.wantAnswer(t, "")
			} else {
				first.wantFailure(t, true)
				second.wantFailure(t, true)
			}
			late := newCall("late")
			if err := b.link.Send(late); err == nil {
				t.Error("a link that has ended takes a call")
			}
			b.stop()
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad(t, sockets(t))
			bad(t, sockets(t).in(t))
		})
	}
}

// An answer that its call cannot read ends the link; one that a call keeps is not overwritten.
func TestAnswerIsTheCalls(t *testing.T) {
	t.Parallel()
	b := start(t, pipes())
	go b.network.echo()
	kept := newCall("kept")
	kept.keep = true
	b.send(kept)
	<-kept.done
	b.send(newCall("xxxx")).wantAnswer(t, "xxxx")
	kept.wantAnswer(t, "kept")

	refused := errors.New("cannot be read")
	bad := newCall("bad")
	bad.refuse = refused
	b.send(bad)
	<-b.owner.ended
	if !errors.Is(b.owner.err, refused) {
		t.Errorf("ended because of %v, want %v", b.owner.err, refused)
	}
	b.stop()
}

// What is not written when the link ends was not sent.
func TestUnsentCalls(t *testing.T) {
	t.Parallel()
	b := start(t, pipes())
	first, second := b.send(newCall("first")), b.send(newCall("second"))
	if _, err := b.network.far.Read(make([]byte, 1)); err != nil { // and no more
		t.Fatal(err)
	}
	if !b.link.Full() {
		t.Error("the link has room while the broker does not read")
	}
	_ = b.network.far.Close()
	first.wantFailure(t, true)
	second.wantFailure(t, false)
	b.stop()
}

// What a full socket does not take is written later; then there is room again, and the owner is told.
func TestFullSocket(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]*network{
		"socket": sockets(t), "loop": sockets(t).in(t), "TLS": on(sockettest.TLS(t)), "TLS in a loop": on(sockettest.TLS(t)).in(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fill(t, n)
		})
	}
}

func fill(t *testing.T, n *network) {
	t.Helper()
	b := start(t, n)
	var calls []*call
	for !b.link.Full() {
		calls = append(calls, b.send(newCall(strings.Repeat("x", 200<<10))))
	}
	calls = append(calls, b.send(newCall("behind it")))
	go b.network.echo()
	for _, c := range calls {
		c.wantAnswer(t, c.text)
	}
	<-b.owner.room
	for b.link.Full() { // the last answer may be faster than who says that there is room
		<-b.owner.room
	}
	c := b.send(newCall(strings.Repeat("y", 1<<20))) // its answer is longer than is read
	c.wantFailure(t, true)
	b.stop()
}

// A broker that owes an answer for too long is given up: at once if somebody's time is over, later if not; but not one that answers
// steadily.
func TestOverdue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		due    time.Duration // of the second call; 0: none
		steady bool
		want   time.Duration
	}{
		{"no deadline", 0, false, 10 * time.Second},
		{"a deadline that is over", time.Second, false, 2 * time.Second},
		{"a later deadline", 5 * time.Second, false, 5 * time.Second},
		{"steady answers", time.Second, true, 15*time.Second + 10*time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, pipes())
				begin := time.Now()
				go func() {
					for i := int32(0); ; i++ {
						if _, err := b.network.read(); err != nil {
							return
						}
						if tc.steady && i < 10 {
							bubble.Advance(1500 * time.Millisecond)
							_, _ = b.network.far.Write(frame(i, nil))
						}
					}
				}()
				for i := range 11 {
					c := newCall("x")
					if tc.due != 0 && i > 0 && i < 10 {
						c.due = begin.Add(tc.due)
					}
					b.send(c)
				}
				<-b.owner.ended
				if took := time.Since(begin); took < tc.want || took > tc.want+time.Second {
					t.Errorf("ended after %s because of %v, want %s", took, b.owner.err, tc.want)
				}
				b.stop()
			})
		})
	}
}

// A version that the broker does not take is not written: the call hears nothing, and the link goes on.
func TestVersions(t *testing.T) {
	t.Parallel()
	b := start(t, pipes())
	go b.network.echo()
	none := newCall("none")
	none.none = true
	if err := b.link.Send(none); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("Send: %v, want %v", err, wire.ErrVersion)
	}
	b.send(newCall("other")).wantAnswer(t, "other")
	b.stop()
	for _, tc := range []struct {
		least, most, want int16
		ok                bool
	}{{0, 9, 9, true}, {3, 3, 3, true}, {0, 2, 2, false}, {12, 20, 12, true}, {13, 20, 12, false}} {
		if got, ok := versions().Newest(0, tc.least, tc.most); ok != tc.ok || ok && got != tc.want {
			t.Errorf("Newest(%d, %d) = %d, %t; want %d, %t", tc.least, tc.most, got, ok, tc.want, tc.ok)
		}
	}
}

// A broker that cannot be dialled is one link's end, and so is giving up the dialling.
func TestDialling(t *testing.T) {
	t.Parallel()
	o, refused := newOwner(), errors.New("refused")
	l := link.Start(t.Context(), link.Settings{}, &network{err: refused}, "1", o)
	if <-o.ended; !errors.Is(o.err, refused) {
		t.Errorf("ended because of %v, want %v", o.err, refused)
	}
	if err := l.Send(newCall("x")); err == nil {
		t.Error("a link without a connection takes a call")
	}

	o = newOwner()
	slow := slowDial{begun: make(chan struct{})}
	l = link.Start(t.Context(), link.Settings{}, slow, "1", o)
	<-slow.begun
	if err := l.Send(newCall("x")); err == nil {
		t.Error("a link that is not connected yet takes a call")
	}
	l.Close(errStopped)
	if <-o.ended; !errors.Is(o.err, errStopped) {
		t.Errorf("ended because of %v, want %v", o.err, errStopped)
	}
}

// slowDial dials until it is given up.
type slowDial struct{ begun chan struct{} }

func (s slowDial) Dial(ctx context.Context, _ string) (link.Conn, error) {
	close(s.begun)
	<-ctx.Done()
	return link.Conn{}, ctx.Err()
}

// A connection may live for more requests than there are correlation ids.
func TestCorrelationIDsBeginAgain(t *testing.T) {
	t.Parallel()
	b := start(t, pipes())
	go b.network.echo()
	b.send(newCall("the first")).wantAnswer(t, "the first")
	b.link.Skip(math.MaxInt32 - 2)
	for i := range 5 {
		b.send(newCall(strconv.Itoa(i))).wantAnswer(t, strconv.Itoa(i))
	}
	b.stop()
}

// A bug of a call or an owner costs no more than the link.
func TestPanics(t *testing.T) {
	t.Parallel()
	for _, bug := range []string{"append", "answer", "ready"} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			b := &bench{t: t, network: pipes(), owner: newOwner()}
			if bug == "ready" {
				b.owner.bug = bug
			}
			b.link = link.Start(t.Context(), b.settings(), b.network, "1", b.owner)
			<-b.owner.ready
			go b.network.echo()
			good := newCall("good")
			b.send(good)
			<-good.done
			bad := newCall("bad")
			bad.bug = bug
			b.send(bad)
			<-bad.done
			b.stop()
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.panics == 0 {
				t.Error("the panic was not noticed")
			}
		})
	}
}

// What was aliased is not read when the link has ended.
func TestNothingIsReadAfterTheEnd(t *testing.T) {
	t.Parallel()
	for i := range 40 {
		n := sockets(t)
		if i%4 >= 2 {
			n = on(sockettest.TLS(t))
		}
		if i%2 == 0 {
			n = n.in(t)
		}
		b := start(t, n)
		text := bytes.Repeat([]byte("x"), 8<<20)
		c := &aliasing{call: newCall(""), text: text}
		if err := b.link.Send(c); err != nil {
			t.Fatal(err)
		}
		go b.link.Close(errStopped)
		<-c.done
		clear(text) // the race detector sees who reads it still
		b.stop()
	}
}

// aliasing is a call whose text is not copied.
type aliasing struct {
	*call

	text []byte
}

func (a *aliasing) Append(scratch []byte, segments [][]byte, h link.Head) ([]byte, [][]byte) {
	scratch, segments = a.call.Append(scratch, segments, h)
	return scratch, append(segments, a.text)
}
