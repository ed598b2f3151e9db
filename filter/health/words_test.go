package health_test

import (
	"errors"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

func TestWords(t *testing.T) {
	t.Parallel()
	at := func(doing, addr, text string) error {
		return &link.BrokerError{Doing: doing, Addr: addr, Err: errors.New(text)}
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"one", at("connect to", "a:1", "x"), "connect to a:1: x"},
		{"two alike", errors.Join(at("connect to", "a:1", "x"), at("connect to", "b:1", "x"), at("connect to", "a:1", "x")), "connect to a:1 and b:1: x"},
		{"two kinds", errors.Join(at("ask", "a:1", "x"), at("connect to", "b:1", "y\nz")), "ask a:1: x; connect to b:1: y; z"},
		{"many", errors.Join(at("ask", "a", "x"), at("ask", "b", "x"), at("ask", "c", "x"), at("ask", "d", "x"), at("ask", "e", "x")), "ask a, b, c and 2 others: x"},
		{"no address", errors.Join(errors.New("x"), at("ask", "a", "x")), "x; ask a: x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := health.Words(tt.err, func(err error) error { return err }); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
