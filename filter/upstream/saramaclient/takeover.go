package saramaclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Dial has sarama connect, negotiate and authenticate, and takes the connection over.
func (c *Client) Dial(ctx context.Context, addr string) (upstream.Link, error) {
	broker, tap, err := c.open(ctx, addr)
	if err != nil {
		return upstream.Link{}, err
	}
	// sarama keeps to itself which versions the broker offered: ask again, it is one round trip of a connection's life.
	versions, err := broker.ApiVersions(&sarama.ApiVersionsRequest{
		Version: 3, ClientSoftwareName: "kafkamesh", ClientSoftwareVersion: "sarama",
	})
	if err != nil {
		_ = broker.Close()
		return upstream.Link{}, fmt.Errorf("ask %s for its versions: %w", addr, err)
	}
	produce := int16(-1)
	for _, k := range versions.ApiKeys {
		if k.ApiKey == int16(wire.KeyProduce) {
			produce = min(k.MaxVersion, upstream.MaxProduceVersion)
		}
	}
	conn := tap.taken()
	if conn == nil {
		_ = broker.Close()
		return upstream.Link{}, errors.New("sarama did not dial through the hook")
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // sarama sets one with each request
		_ = broker.Close()
		return upstream.Link{}, fmt.Errorf("take over the connection to %s: %w", addr, err)
	}
	release := func() { _ = broker.Close() } // closes conn too, and ends sarama's own reader
	return upstream.Link{Conn: conn, Close: release, ProduceVersion: produce}, nil
}

// capture is the dialer that sarama is given (golang.org/x/net/proxy.Dialer): it remembers the connection.
type capture struct {
	ctx context.Context //nolint:containedctx // sarama's hook has no context of its own

	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// Dial connects to addr. sarama calls it once.
func (t *capture) Dial(network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(t.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = conn.Close()
		return nil, context.Cause(t.ctx)
	}
	t.conn = conn
	return conn, nil
}

func (t *capture) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.conn != nil {
		_ = t.conn.Close()
	}
}

func (t *capture) taken() net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn
}
