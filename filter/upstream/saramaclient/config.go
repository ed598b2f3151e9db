package saramaclient

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"
	"github.com/xdg-go/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// newConfig says what sarama is to do for us, but for who we are. It never produces, so its producer stays as it is.
func newConfig(s upstream.Settings) *sarama.Config {
	silenced.Do(func() {
		sarama.PanicHandler = func(any) {} // the call that panicked fails: its connection never answers
	})
	config := sarama.NewConfig()
	config.ClientID = s.ClientID
	config.Version = sarama.V4_0_0_0 // the newest it may speak; the broker's own versions lower it
	config.Net.DialTimeout = answerTimeout
	config.Net.ReadTimeout = answerTimeout
	config.Net.WriteTimeout = answerTimeout
	config.MetricRegistry = noMetrics{metrics.NewRegistry()}
	return config
}

// answerTimeout bounds one answer while connecting, and one metadata answer.
const answerTimeout = 10 * time.Second

// login writes into the configuration who we are, as it stands where the secrets are now. tokens gives OAUTHBEARER's tokens.
func login(config *sarama.Config, s *dial.SASL, tokens sarama.AccessTokenProvider) error {
	if s == nil {
		return nil
	}
	sasl := &config.Net.SASL
	sasl.Enable, sasl.Handshake, sasl.Version = true, true, sarama.SASLHandshakeV1
	sasl.Mechanism = sarama.SASLMechanism(s.Mechanism)
	switch s.Mechanism {
	case dial.OAuthBearer:
		sasl.TokenProvider = tokens
		return nil
	case dial.GSSAPI:
		var err error
		sasl.GSSAPI, err = kerberos(s.Kerberos)
		return err
	case dial.SCRAM256:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA256} }
	case dial.SCRAM512:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA512} }
	case dial.Plain:
	}
	var err error
	if sasl.User, err = s.Username.Text(); err != nil {
		return fmt.Errorf("the user name: %w", err)
	}
	if sasl.Password, err = s.Password.Text(); err != nil {
		return fmt.Errorf("the password: %w", err)
	}
	return nil
}

func kerberos(k *dial.Kerberos) (sarama.GSSAPIConfig, error) {
	name, realm, err := k.Identity()
	if err != nil {
		return sarama.GSSAPIConfig{}, err
	}
	config := sarama.GSSAPIConfig{
		ServiceName: k.Service, Username: name, Realm: realm, KerberosConfigPath: k.Config,
		KeyTabPath: k.Keytab, CCachePath: k.TicketCache, AuthType: sarama.KRB5_KEYTAB_AUTH,
	}
	if k.Keytab == "" {
		config.AuthType = sarama.KRB5_CCACHE_AUTH
	}
	return config, nil
}

// scramClient is one exchange of SCRAM (RFC 5802).
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

// Begin starts the exchange.
func (c *scramClient) Begin(user, password, authorization string) error {
	client, err := c.hash.NewClient(user, password, authorization)
	if err != nil {
		return err
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step answers the broker.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done says whether the exchange is over.
func (c *scramClient) Done() bool { return c.conversation.Done() }

// noMetrics is a registry whose meters, counters and histograms do nothing: go-metrics would start a goroutine that
// never ends.
type noMetrics struct{ metrics.Registry }

// GetOrRegister returns a metric of the kind that the constructor makes, but one that forgets.
func (noMetrics) GetOrRegister(_ string, constructor any) any {
	switch constructor.(type) {
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	default:
		return constructor
	}
}

// Register forgets the metric.
func (noMetrics) Register(string, any) error { return nil }
