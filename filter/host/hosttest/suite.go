package hosttest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
)

// splits sends the same requests in two pieces, for every place between two bytes, and once byte by byte.
func splits(t *testing.T, m *mesh) {
	t.Helper()
	requests := slices.Concat(apiVersions(1), metadata(2, topic), produce(3))
	c := m.dial(t)
	answered := func() {
		for id := range int32(3) {
			c.WantAnswer(id + 1)
		}
	}
	for at := 1; at < len(requests); at++ {
		c.SendBytes(requests[:at])
		time.Sleep(100 * time.Microsecond) //nolint:forbidigo // most often it is read by then; if not, that place is not tried
		c.SendBytes(requests[at:])
		answered()
	}
	for _, b := range requests {
		c.SendBytes([]byte{b})
	}
	answered()
}

// pipelining sends many requests at once. Some are answered at once and some by the cluster.
func pipelining(t *testing.T, m *mesh) {
	t.Helper()
	const count = 300
	var requests []byte
	for id := range int32(count) {
		kinds := [][]byte{apiVersions(id), metadata(id, topic), produce(id)}
		requests = append(requests, kinds[id%3]...)
	}
	c := m.dial(t)
	c.SendBytes(requests)
	for id := range int32(count) {
		c.WantAnswer(id)
	}
}

// lateAnswers has an answer wait for the cluster: those behind it wait too, those of other clients do not.
func lateAnswers(t *testing.T, m *mesh) {
	t.Helper()
	m.hello(t)
	asked, release := m.stall(t)
	c := m.dial(t)
	c.SendBytes(produce(0))
	<-asked
	for id := range int32(10) {
		c.SendBytes(metadata(id+1, topic))
	}
	m.hello(t)
	c.WantSilence(50 * time.Millisecond)
	release()
	for id := range int32(11) {
		c.WantAnswer(id)
	}
}

// slowReader sends requests with large answers, some 20 MB, and reads none until it has sent all, or cannot send more.
func slowReader(t *testing.T, m *mesh) {
	t.Helper()
	const count = 500
	c := m.dial(t)
	c.SendBytes(metadata(0, largeTopic))
	c.WantAnswer(0)
	var requests bytes.Buffer
	for id := range int32(count) {
		requests.Write(metadata(id, largeTopic))
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(requests.Bytes())
		sent <- err
	}()
	select {
	case err := <-sent:
		sent <- err
	case <-time.After(300 * time.Millisecond):
	}
	m.hello(t)
	for id := range int32(count) {
		c.WantAnswer(id)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// halfClose sends FIN behind its request.
func halfClose(t *testing.T, m *mesh) {
	t.Helper()
	m.hello(t)
	asked, release := m.stall(t)
	c := m.dial(t)
	c.SendBytes(slices.Concat(produce(1), metadata(2, topic)))
	<-asked
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	m.hello(t)
	release()
	if m.NoHalfClose {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	c.WantAnswer(1)
	c.WantAnswer(2)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("then %v, want EOF", err)
	}
}

// closeWhileBusy has clients leave, in order and with a reset, while their answers are on their way.
func closeWhileBusy(t *testing.T, m *mesh) {
	t.Helper()
	m.hello(t)
	asked, release := m.stall(t)
	for i := range 100 {
		c := m.dial(t)
		c.SendBytes(produce(1))
		if i == 0 {
			<-asked
		}
		if i%2 == 0 {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}
	release()
	m.hello(t)
	c := m.dial(t)
	c.SendBytes(produce(1))
	c.WantAnswer(1)
}

// manyConnections has a thousand clients at the same time, all of which are answered.
func manyConnections(t *testing.T, m *mesh) {
	t.Helper()
	const count = 1000
	clients := make([]client, count)
	for i := range clients {
		clients[i] = m.dial(t)
	}
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			id := int32(i)
			for _, request := range [][]byte{apiVersions(id), produce(id)} {
				if _, err := c.Write(request); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i, c := range clients {
		c.WantAnswer(int32(i))
		c.WantAnswer(int32(i))
	}
}
