package load

import (
	"context"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// User and Password are those of clients that log in.
const (
	User     = "bench"
	Password = "a password for the benchmark"
)

// loggingIn is dial for clients that log in, by PLAIN, before they do anything else.
func loggingIn(dial DialFunc) DialFunc {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		if err := logIn(c); err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
}

func logIn(c net.Conn) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.Version, authenticate.SASLAuthBytes = 2, []byte("\x00"+User+"\x00"+Password)
	for i, r := range []kmsg.Request{handshake, authenticate} {
		if _, err := c.Write(rawkafka.Frame(clientID, int32(i), r)); err != nil {
			return err
		}
		_, answer, err := rawkafka.ReadAnswer(c, r)
		if err != nil {
			return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
		}
		var code int16
		switch answer := answer.(type) {
		case *kmsg.SASLHandshakeResponse:
			code = answer.ErrorCode
		case *kmsg.SASLAuthenticateResponse:
			code = answer.ErrorCode
		}
		if err := kerr.ErrorForCode(code); err != nil {
			return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
		}
	}
	return nil
}
