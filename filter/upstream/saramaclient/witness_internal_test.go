package saramaclient

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// A login lasts as long as the broker's last answer to one says, whatever else passes, and however it is cut.
func TestWitness(t *testing.T) {
	t.Parallel()
	const key = wire.APIKey(36)
	login := func(version int16, id int32) []byte {
		return wiretest.Frame(key, version, id, "x", kmsg.NewPtrSASLAuthenticateRequest())
	}
	answer := func(version int16, id int32, lifetime time.Duration) []byte {
		r := kmsg.NewPtrSASLAuthenticateResponse()
		r.SetVersion(version)
		r.SASLAuthBytes, r.SessionLifetimeMillis = []byte("challenge"), lifetime.Milliseconds()
		return wire.AppendResponse(nil, wire.Header{Key: key, Version: version, CorrelationID: id}, r)
	}
	join := func(frames ...[]byte) (all []byte) {
		for _, f := range frames {
			all = append(all, f...)
		}
		return all
	}
	other := wiretest.Frame(wire.KeyApiVersions, 3, 7, "x", kmsg.NewPtrApiVersionsRequest())
	for _, tc := range []struct {
		name          string
		sent, answers []byte
		lifetime      time.Duration
	}{
		{"nobody logs in", other, join(answer(1, 7, time.Hour)), 0},
		{"a login for ever", login(1, 1), answer(1, 1, 0), 0},
		{"a login of an hour", join(other, login(1, 1)), join([]byte{0, 0, 0, 4, 0, 0, 0, 7}, answer(1, 1, time.Hour)), time.Hour},
		{"a login in two steps", join(login(2, 1), login(2, 2)), join(answer(2, 1, 0), answer(2, 2, time.Minute)), time.Minute},
		{"a version that does not say", login(0, 1), answer(0, 1, time.Hour), 0},
		{"an answer that is cut short", login(1, 1), []byte{0, 0, 0, 5, 0, 0, 0, 1, 0}, 0},
		{"what is no frame", []byte{0xff, 0xff, 0xff, 0xff, 0}, answer(1, 1, time.Hour), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for size := 1; size <= max(len(tc.sent), len(tc.answers)); size++ {
				synctest.Test(t, func(t *testing.T) {
					near, far := net.Pipe()
					w := &witness{Conn: near}
					go func() {
						drain(far, len(tc.sent))
						_, _ = far.Write(tc.answers)
					}()
					for p := tc.sent; len(p) > 0; p = p[min(size, len(p)):] {
						if _, err := w.Write(p[:min(size, len(p))]); err != nil {
							t.Fatal(err)
						}
					}
					buffer := make([]byte, size)
					for left := len(tc.answers); left > 0; {
						n, err := w.Read(buffer)
						if err != nil {
							t.Fatal(err)
						}
						left -= n
					}
					switch end := w.end(); {
					case tc.lifetime == 0 && !end.IsZero():
						t.Errorf("in pieces of %d: it ends after %s, want never", size, time.Until(end))
					case tc.lifetime != 0 && (time.Until(end) < tc.lifetime*85/100 || time.Until(end) > tc.lifetime*95/100):
						t.Errorf("in pieces of %d: it ends after %s, want 85 to 95 %% of %s", size, time.Until(end), tc.lifetime)
					}
				})
			}
		})
	}
}

// drain reads so much.
func drain(c net.Conn, n int) {
	buffer := make([]byte, 1024)
	for n > 0 {
		m, err := c.Read(buffer)
		if err != nil {
			return
		}
		n -= m
	}
}
