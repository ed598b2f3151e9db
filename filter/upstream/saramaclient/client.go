package saramaclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// Client is an upstream.Client on sarama. Its methods may be called from any goroutine.
type Client struct {
	settings upstream.Settings
	config   *sarama.Config
	keeper   *dial.Keeper // nil: plain text
	tokens   *dial.Tokens // nil: nobody logs in with any
}

var _ upstream.Client = (*Client)(nil)

// New returns a client of the cluster that s describes. It does not connect yet.
//
//nolint:ireturn // it is what filter.Options.NewClient wants
func New(s upstream.Settings) (upstream.Client, error) {
	stopPanics()
	config := newConfig(s)
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure sarama for cluster %s: %w", s.Name, err)
	}
	c := &Client{settings: s, config: config}
	if s.Dial.TLS != nil {
		c.keeper = dial.NewKeeper(s.Dial.TLS)
	}
	if l := s.Dial.SASL; l != nil && l.OAuth != nil {
		if c.tokens = l.Tokens; c.tokens == nil {
			c.tokens = dial.NewTokens(l.OAuth)
		}
	}
	return c, nil
}

// open connects a broker and waits until it is negotiated and authenticated, or ctx ends. The connection that sarama
// uses is returned too. Certificates and passwords are those that are there now.
func (c *Client) open(ctx context.Context, addr string) (*sarama.Broker, *capture, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.settings.Dial.Socket.SetupTimeout, setupTimeout))
	defer cancel()
	broker, tap, err := c.connect(ctx, addr)
	if err != nil {
		return nil, nil, &link.BrokerError{Doing: "connect to", Addr: addr, Err: c.explain(ctx, tap, err)}
	}
	return broker, tap, nil
}

// setupTimeout is the default of dial.Socket.SetupTimeout.
const setupTimeout = 30 * time.Second

func (c *Client) connect(ctx context.Context, addr string) (*sarama.Broker, *capture, error) {
	config := *c.config
	if err := login(&config, c.settings.Dial.SASL, provider{ctx, c.tokens}); err != nil {
		return nil, nil, &dial.LoginError{Err: err}
	}
	tap := &capture{ctx: ctx, settings: c.settings.Dial, keeper: c.keeper}
	config.Net.Proxy.Enable = true
	config.Net.Proxy.Dialer = tap
	broker := sarama.NewBroker(addr)
	if err := broker.Open(&config); err != nil {
		return nil, nil, err
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
		return nil, tap, err
	}
	return broker, tap, nil
}

// explain says in words why a connection failed. tap is nil if none was tried.
func (c *Client) explain(ctx context.Context, tap *capture, err error) error {
	settings := &c.settings.Dial
	if tap == nil {
		return err
	}
	if token, ok := errors.AsType[*dial.TokenError](err); ok && (ctx.Err() == nil || ended(ctx)) { // the broker waited for us, and not we for it
		return &dial.LoginError{Err: token}
	}
	failure := tap.failure()
	if _, unresolved := errors.AsType[*net.DNSError](failure); unresolved {
		return settings.Explain(failure)
	}
	switch {
	case ended(ctx):
		return settings.Silence(tap.stage(), context.Cause(ctx))
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failure != nil:
		return settings.Explain(failure)
	case tap.stage() == dial.LoggingIn:
		return &dial.LoginError{Err: c.refused(err)}
	case os.IsTimeout(err): // sarama's own, which is shorter than ours may be
		return settings.Silence(tap.stage(), err)
	case tap.unheard():
		return settings.Explain(&dial.UnheardError{Err: err})
	}
	return settings.Explain(err)
}

// ended reports whether the time is over that there was, and not only the interest. Who waits for the same time may have given up a
// moment before.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil && ok && !time.Now().Before(deadline)
}

// refused says in words why a login failed.
func (c *Client) refused(err error) error {
	mechanism := c.settings.Dial.SASL.Mechanism
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return fmt.Errorf("the broker refuses our login by %s: wrong user name, password or token", mechanism)
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		return fmt.Errorf("the broker does not take logins by %s on this port; set sasl.mechanism to one that it has", mechanism)
	case errors.Is(err, sarama.ErrIllegalSASLState):
		return errors.New("the broker wants no login on this port; set security.protocol to plaintext or ssl")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return dial.InWords(fmt.Sprintf("the broker hung up during our login by %s; it may refuse it", mechanism), err)
	}
	return fmt.Errorf("our login by %s failed: %w", mechanism, err)
}

// silenced makes sarama keep its panics to itself: they would end Envoy.
//
//nolint:gochecknoglobals // sarama.PanicHandler is a global
var silenced sync.Once
