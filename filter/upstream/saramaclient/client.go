package saramaclient

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// Client is an upstream.Client on sarama. Dial may be called from any goroutine; Metadata and Close one at a time.
type Client struct {
	settings upstream.Settings
	config   *sarama.Config

	// broker answers Metadata, on the connection in tap, until it fails; nil before the first and after a failure.
	broker *sarama.Broker
	tap    *capture
	// known holds the brokers that the last answer named, tried when the one in use fails.
	known []string
}

var _ upstream.Client = (*Client)(nil)

// New returns a client of the cluster that s describes. It does not connect yet.
//
//nolint:ireturn // it is what filter.Options.NewClient wants
func New(s upstream.Settings) (upstream.Client, error) {
	config := newConfig(s)
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure sarama for cluster %s: %w", s.Name, err)
	}
	return &Client{settings: s, config: config}, nil
}

// Close ends the connection that Metadata uses.
func (c *Client) Close() { c.drop() }

// open connects a broker and waits until it is negotiated and authenticated, or ctx ends. The connection that sarama
// uses is returned too.
func (c *Client) open(ctx context.Context, addr string) (*sarama.Broker, *capture, error) {
	tap := &capture{ctx: ctx}
	config := *c.config
	config.Net.Proxy.Enable = true
	config.Net.Proxy.Dialer = tap
	broker := sarama.NewBroker(addr)
	if err := broker.Open(&config); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", addr, err)
	}
	// sarama knows no context: closing the connection under it makes it return.
	stop := context.AfterFunc(ctx, tap.close)
	_, err := broker.Connected()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = broker.Close() // reports ErrNotConnected when there is nothing to close
		tap.close()
		return nil, nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return broker, tap, nil
}

// silenced makes sarama keep its panics to itself: they would end Envoy.
//
//nolint:gochecknoglobals // sarama.PanicHandler is a global
var silenced sync.Once
