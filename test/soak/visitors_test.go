package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/churn"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

const (
	visitEvery = 80 * time.Millisecond // to one mesh
	mostGuests = 200                   // at once
	hold       = 10 * time.Second      // how long those stay, at most, who neither read nor write
)

// strangers are clients that ask for what is not there, or are none.
var strangers = [...]struct {
	name  string
	spend func(*net.TCPConn) error
}{
	{"asked for unknown topics", askUnknown},
	{"asked for what is refused", askRefused},
	{"were half open", sendHalf},
	{"sent garbage", sendGarbage},
	{"read no answer", readNothing},
}

// visitors come to one mesh at a steady pace, spend a connection each, and go.
type visitors struct {
	addr   string
	churn  *churn.Churn
	faults *faults
	counts [len(strangers)]atomic.Int64 // of strangers
	guests sync.WaitGroup
}

// String counts the visits of each kind.
func (v *visitors) String() string {
	var text strings.Builder
	text.WriteString(v.churn.String())
	for i, s := range strangers {
		fmt.Fprintf(&text, ", %d %s", v.counts[i].Load(), s.name)
	}
	return text.String()
}

// run lets visitors come until ctx ends, and waits until all have gone.
func (v *visitors) run(ctx context.Context) {
	ticks := time.NewTicker(visitEvery)
	defer ticks.Stop()
	defer v.guests.Wait()
	places := make(chan struct{}, mostGuests)
	for n := 0; ; n++ {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		v.guests.Go(func() {
			defer func() { <-places }()
			if err := v.visit(n); err != nil {
				v.faults.add("%s: %v", v.addr, err)
			}
		})
	}
}

// visit is by a stranger every fourth time.
func (v *visitors) visit(n int) error {
	if n%4 != 3 {
		return v.churn.Visit(churn.Kind(rand.IntN(int(churn.Kinds))))
	}
	i := n / 4 % len(strangers)
	v.counts[i].Add(1)
	conn, err := churn.Dial(v.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // its work is done
	if err := strangers[i].spend(conn); err != nil {
		return fmt.Errorf("of those that %s: %w", strangers[i].name, err)
	}
	return nil
}

// askUnknown asks for names that nobody has had before: of topics that a cluster does not have, and that no rule matches.
func askUnknown(conn *net.TCPConn) error {
	req := rawkafka.Metadata(fmt.Sprintf("apples-%x", rand.Uint64()), fmt.Sprintf("cherries-%x", rand.Uint64()))
	if _, err := conn.Write(rawkafka.Frame("raw", 1, req)); err != nil {
		return err
	}
	_, resp, err := rawkafka.ReadAnswer(conn, req)
	if err != nil {
		return err
	}
	for _, t := range resp.(*kmsg.MetadataResponse).Topics {
		if t.ErrorCode == 0 {
			return fmt.Errorf("%s is there", *t.Topic)
		}
	}
	return nil
}

// askRefused asks for what the mesh does not serve.
func askRefused(conn *net.TCPConn) error {
	transactional := kmsg.NewPtrInitProducerIDRequest()
	name := "t"
	transactional.TransactionalID = &name
	requests := []kmsg.Request{
		kmsg.NewPtrFetchRequest(), kmsg.NewPtrJoinGroupRequest(), kmsg.NewPtrCreateTopicsRequest(), kmsg.NewPtrDeleteTopicsRequest(),
		transactional,
	}
	req := requests[rand.IntN(len(requests))]
	req.SetVersion(3)
	if _, err := conn.Write(rawkafka.Frame("raw", 1, req)); err != nil {
		return err
	}
	_, resp, err := rawkafka.ReadAnswer(conn, req)
	if err != nil {
		return unlessEnded(err)
	}
	if r, ok := resp.(*kmsg.InitProducerIDResponse); ok && kerr.ErrorForCode(r.ErrorCode) == nil {
		return errors.New("transactions are not refused")
	}
	return nil
}

// sendHalf sends half a length and stays for a while.
func sendHalf(conn *net.TCPConn) error {
	if _, err := conn.Write([]byte{0, 0}); err != nil {
		return err
	}
	return stay(conn)
}

// sendGarbage sends bytes that mean nothing.
func sendGarbage(conn *net.TCPConn) error {
	garbage := make([]byte, 1+rand.IntN(4<<10))
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	if rand.IntN(2) == 0 {
		garbage[0] = 0 // a length that is allowed
	}
	if _, err := conn.Write(garbage); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(rand.N(time.Second))); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return unlessEnded(err)
	}
	return nil
}

// readNothing asks for all topics many times and stays for a while without reading an answer.
func readNothing(conn *net.TCPConn) error {
	var frames []byte
	for i := range int32(100) {
		frames = append(frames, rawkafka.Frame("raw", i, rawkafka.AllTopics())...)
	}
	if _, err := conn.Write(frames); err != nil {
		return err
	}
	<-time.After(rand.N(hold))
	return nil
}

// stay waits for the mesh to end the connection, for a while.
func stay(conn *net.TCPConn) error {
	if err := conn.SetDeadline(time.Now().Add(rand.N(hold))); err != nil {
		return err
	}
	n, err := conn.Read(make([]byte, 1))
	if n > 0 {
		return errors.New("there is an answer to half a request")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return unlessEnded(err)
}

// unlessEnded is nil if the other end has ended the connection, and an error if nothing came in time.
func unlessEnded(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
