package broker_test

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// FuzzServe serves any frame: no panic, one answer at most, and neither that nor what is said of it is long.
func FuzzServe(f *testing.F) {
	for _, c := range wiretest.Captures(f, "../wire/testdata/captured") {
		for _, frame := range c.Frames {
			f.Add(frame[4:])
		}
	}
	for _, api := range broker.APIs() {
		for version := api.Min; version <= api.Max; version++ {
			for _, req := range hostile(api.Key, version, 300, nil) {
				f.Add(wiretest.Frame(api.Key, version, 77, "x", req)[4:])
			}
		}
	}
	const factor, constant, most = 64, 1024, 1024
	f.Fuzz(func(t *testing.T, frame []byte) {
		b, _, _ := facade()
		r := &pending{}
		h, body, err := b.ParseHeader(frame)
		if err == nil {
			err = b.Serve(call(h, body, r))
		}
		if len(r.answers) > 1 || (len(r.answers) == 1) == (err != nil) {
			t.Fatalf("%d answers, and %v", len(r.answers), err)
		}
		for _, a := range r.answers {
			if len(a.Frame) > factor*len(frame)+constant || len(a.Refusal.Reason) > most {
				t.Errorf("request of %d bytes: %d bytes answered, refusal of %d bytes", len(frame), len(a.Frame), len(a.Refusal.Reason))
			}
			if a.Violation != nil {
				err = a.Violation
			}
		}
		if err != nil && len(err.Error()) > most {
			t.Errorf("violation of %d bytes: %.100s…", len(err.Error()), err)
		}
	})
}
