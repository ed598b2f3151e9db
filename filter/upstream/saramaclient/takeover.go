package saramaclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Dial has sarama connect, negotiate and authenticate, and takes the connection over.
func (c *Client) Dial(ctx context.Context, addr string) (link.Conn, error) {
	broker, tap, err := c.open(ctx, addr)
	if err != nil {
		return link.Conn{}, err
	}
	versions, err := c.versions(ctx, broker, tap)
	if err != nil {
		_ = broker.Close()
		return link.Conn{}, &link.BrokerError{Doing: "connect to", Addr: addr, Err: err}
	}
	w := tap.taken()
	if w == nil {
		_ = broker.Close()
		return link.Conn{}, errors.New("sarama did not dial through the hook")
	}
	conn := w.Conn                                        // not the witness: from here on nobody listens
	if err := conn.SetDeadline(time.Time{}); err != nil { // sarama sets one with each request
		_ = broker.Close()
		return link.Conn{}, fmt.Errorf("take over the connection to %s: %w", addr, err)
	}
	release := func() { _ = broker.Close() } // closes conn too, and ends sarama's own reader
	return link.Conn{Conn: conn, Close: release, Versions: versions, Until: w.end(), Stale: tap.stale()}, nil
}

// versions asks a broker for what it takes. sarama keeps to itself what it was told, and one more round trip is little in a connection's
// life.
func (c *Client) versions(ctx context.Context, broker *sarama.Broker, tap *capture) (link.Versions, error) {
	stop := context.AfterFunc(ctx, tap.close) // sarama knows no context
	answer, err := broker.ApiVersions(&sarama.ApiVersionsRequest{
		Version: 3, ClientSoftwareName: "kafkamesh", ClientSoftwareVersion: "sarama",
	})
	gone := !stop()
	switch {
	case gone && ended(ctx):
		return nil, c.settings.Dial.Silence(dial.Negotiating, context.Cause(ctx))
	case !gone && err != nil && os.IsTimeout(err):
		return nil, c.settings.Dial.Silence(dial.Negotiating, err)
	case gone:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, c.settings.Dial.Explain(err)
	}
	versions := make(link.Versions, len(answer.ApiKeys))
	for _, k := range answer.ApiKeys {
		versions[wire.APIKey(k.ApiKey)] = link.Range{Min: k.MinVersion, Max: k.MaxVersion}
	}
	if _, told := versions[wire.KeyMetadata]; !told {
		return nil, errors.New("it is no broker that clients can use, but perhaps a controller's port; write the brokers' ports into bootstrap_servers")
	}
	return versions, nil
}

// capture is the dialer that sarama is given (golang.org/x/net/proxy.Dialer): it remembers the connection. TLS is made here,
// so that what is taken over is what is encrypted, and not what is below.
type capture struct {
	ctx      context.Context //nolint:containedctx // sarama's hook has no context of its own
	settings dial.Settings
	keeper   *dial.Keeper // nil: plain text

	mu     sync.Mutex
	at     dial.Stage
	conn   *witness
	old    error // why it is encrypted with what was there before
	err    error // why there is none
	closed bool
}

// Dial connects to addr. sarama calls it once.
func (t *capture) Dial(_, addr string) (_ net.Conn, err error) {
	defer caught(&err)
	conn, err := t.dial(addr)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil && t.closed {
		_ = conn.Close()
		err = context.Cause(t.ctx)
	}
	if err != nil {
		t.err = err
		return nil, err
	}
	t.conn, t.at = &witness{Conn: conn}, dial.Negotiating
	return t.conn, nil
}

func (t *capture) dial(addr string) (net.Conn, error) {
	conn, err := t.settings.Socket.Dial(t.ctx, addr)
	if err != nil || t.keeper == nil {
		return conn, err
	}
	config, err := t.encryption(addr)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	t.reached(dial.Encrypting)
	encrypted := tls.Client(socket.NewPlug(conn), config)
	if err := encrypted.HandshakeContext(t.ctx); err != nil {
		_ = conn.Close()
		return nil, &dial.HandshakeError{Err: err}
	}
	return encrypted, nil
}

// encryption is what TLS is made with.
func (t *capture) encryption(addr string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	config, old, err := t.keeper.Load(host, time.Now())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.old = old
	return config, err
}

// stale says why the connection is encrypted with what was there before; nil: it is not.
func (t *capture) stale() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.old
}

// reached takes note of a stage.
func (t *capture) reached(s dial.Stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = s
}

// stage is how far the connection has come.
func (t *capture) stage() dial.Stage {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil && t.conn.loggingIn() {
		return dial.LoggingIn
	}
	return t.at
}

// unheard says that there was a connection on which nothing came.
func (t *capture) unheard() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn != nil && !t.conn.hasHeard()
}

// failure is why there is no connection; nil: there is, or was, one.
func (t *capture) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *capture) close() {
	defer caught(new(error))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.conn != nil {
		_ = t.conn.Close()
	}
}

func (t *capture) taken() *witness {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn
}
