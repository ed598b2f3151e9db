package secure

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/xdg-go/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// attempt is one client's try to log in and to send a record.
type attempt struct {
	addr, topic, mechanism, secret string // the secret is a password, or a token
}

// clientsThatLogIn are the clients, each of which says what has kept it from storing the record.
func clientsThatLogIn() map[string]func(context.Context, *testing.T, attempt) error {
	return map[string]func(context.Context, *testing.T, attempt) error{
		"franz-go": sendByFranz,
		"sarama": func(ctx context.Context, _ *testing.T, a attempt) error {
			return sendBySarama(ctx, a, sarama.SASLHandshakeV1)
		},
		"sarama with handshake 0": func(ctx context.Context, _ *testing.T, a attempt) error {
			return sendBySarama(ctx, a, sarama.SASLHandshakeV0)
		},
		"java":            sendByJava,
		"confluent-kafka": sendByConfluent,
	}
}

// TestClientsLogIn has clients of each family log in to a mesh by each mechanism, rightly and wrongly, in Envoy and alone.
func TestClientsLogIn(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	now := time.Now()
	claims := map[string]any{"iss": b.tokens.url, "sub": "mesh", "aud": "kafka", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	good := b.tokens.sign(claims)
	claims["aud"] = "others"
	bad := b.tokens.sign(claims)
	for host, start := range stack.Hosts() {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			m := meshOf(t, stack.MeshCluster{Name: "logins", Bootstrap: b.Addr()})
			m.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true})
			running := watched(t, &mesh{start(t, m), m.Addr})
			tryLogins(t, loginsToTry(m.Addr, "logins-"+host, good, bad))
			if t.Failed() {
				t.Log(running.Log())
			}
		})
	}
}

// loginsToTry are an attempt with the right secret and one with a wrong one by each mechanism.
func loginsToTry(addr, topic, good, bad string) (tries [][2]attempt) {
	for _, mechanism := range []string{login.Plain, login.ScramSHA256, login.ScramSHA512} {
		tries = append(tries, [2]attempt{{addr, topic, mechanism, password}, {addr, topic, mechanism, wrongPassword}})
	}
	return append(tries, [2]attempt{{addr, topic, login.OAuthBearer, good}, {addr, topic, login.OAuthBearer, bad}})
}

// tryLogins makes the attempts with each client. Those that are to fail wait for their answers side by side, and the others go on meanwhile.
func tryLogins(t *testing.T, tries [][2]attempt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var failing sync.WaitGroup
	defer failing.Wait()
	for name, send := range clientsThatLogIn() {
		for _, try := range tries {
			failing.Go(func() {
				if err := send(ctx, t, try[1]); err == nil {
					t.Errorf("%s by %s, wrongly: the record is stored", name, try[1].mechanism)
				} else {
					t.Logf("%s by %s, wrongly: %v", name, try[1].mechanism, err)
				}
			})
		}
		for _, try := range tries {
			if err := send(ctx, t, try[0]); err != nil {
				t.Errorf("%s by %s, rightly: %v", name, try[0].mechanism, err)
			}
		}
	}
}

func sendByFranz(ctx context.Context, t *testing.T, a attempt) error {
	t.Helper()
	var how sasl.Mechanism
	switch a.mechanism {
	case login.Plain:
		how = plain.Auth{User: "mesh", Pass: a.secret}.AsMechanism()
	case login.ScramSHA256:
		how = franzscram.Auth{User: "mesh", Pass: a.secret}.AsSha256Mechanism()
	case login.ScramSHA512:
		how = franzscram.Auth{User: "mesh", Pass: a.secret}.AsSha512Mechanism()
	default:
		how = oauth.Auth{Token: a.secret}.AsMechanism()
	}
	client := stack.Client(t, a.addr, kgo.AllowAutoTopicCreation(), kgo.SASL(how), kgo.RecordDeliveryTimeout(10*time.Second))
	return client.ProduceSync(ctx, &kgo.Record{Topic: a.topic, Value: []byte("x")}).FirstErr()
}

// saramaScram is SCRAM as sarama wants it.
type saramaScram struct {
	scram.HashGeneratorFcn

	talk *scram.ClientConversation
}

func (s *saramaScram) Begin(name, secret, authorization string) error {
	client, err := s.NewClient(name, secret, authorization)
	if err == nil {
		s.talk = client.NewConversation()
	}
	return err
}

func (s *saramaScram) Step(said string) (string, error) { return s.talk.Step(said) }
func (s *saramaScram) Done() bool                       { return s.talk.Done() }

// saramaToken is a token as sarama wants it.
type saramaToken string

func (s saramaToken) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: string(s)}, nil
}

func sendBySarama(_ context.Context, a attempt, handshake int16) error {
	c := sarama.NewConfig()
	c.Net.SASL.Enable, c.Net.SASL.Mechanism, c.Net.SASL.Version = true, sarama.SASLMechanism(a.mechanism), handshake
	c.ApiVersionsRequest = handshake != sarama.SASLHandshakeV0 // sarama does not allow both
	c.Net.SASL.User, c.Net.SASL.Password = "mesh", a.secret
	hashes := map[string]func() hash.Hash{login.ScramSHA256: sha256.New, login.ScramSHA512: sha512.New}
	c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &saramaScram{HashGeneratorFcn: hashes[a.mechanism]} }
	c.Net.SASL.TokenProvider = saramaToken(a.secret)
	c.Producer.Return.Successes, c.Producer.Retry.Max, c.Metadata.Retry.Max = true, 1, 1
	producer, err := sarama.NewSyncProducer([]string{a.addr}, c)
	if err != nil {
		return err
	}
	defer func() { _ = producer.Close() }()
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: a.topic, Value: sarama.StringEncoder("x")})
	return err
}

func sendByJava(ctx context.Context, t *testing.T, a attempt) error {
	t.Helper()
	clients, err := stack.Clients(ctx)
	stack.Check(t, err)
	dir, libs := t.TempDir(), filepath.Join(clients, "tools-4.3.1", "libs")
	file, tokens := filepath.Join(dir, "client.properties"), "file://"+filepath.Join(dir, "token")
	const module = "org.apache.kafka.common.security."
	how := module + "scram.ScramLoginModule required username=\"mesh\" password=\"" + a.secret + "\";"
	switch a.mechanism {
	case login.Plain:
		how = strings.Replace(how, "scram.Scram", "plain.Plain", 1)
	case login.OAuthBearer:
		write(t, filepath.Join(dir, "token"), []byte(a.secret))
		how = module + "oauthbearer.OAuthBearerLoginModule required;\nsasl.login.callback.handler.class=" + module +
			"oauthbearer.OAuthBearerLoginCallbackHandler\nsasl.oauthbearer.token.endpoint.url=" + tokens
	}
	write(t, file, fmt.Appendf(nil, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=%s\nmax.block.ms=15000\nsasl.jaas.config=%s\n", a.mechanism, how))
	tool := exec.CommandContext(ctx, "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+tokens, "-cp", filepath.Join(libs, "*"), "org.apache.kafka.tools.ConsoleProducer",
		"--bootstrap-server", a.addr, "--topic", a.topic, "--command-config", file)
	tool.Stdin = strings.NewReader("x\n")
	said, err := tool.CombinedOutput()
	if err == nil && strings.Contains(string(said), "ERROR") {
		err = errors.New("it failed")
	}
	if err != nil {
		return fmt.Errorf("%w: %.400s", err, strings.ReplaceAll(string(said), a.secret, "…"))
	}
	return nil
}

func sendByConfluent(ctx context.Context, t *testing.T, a attempt) error {
	t.Helper()
	clients, err := stack.Clients(ctx)
	stack.Check(t, err)
	args := []string{
		"testdata/produce.py", a.topic, "bootstrap.servers=" + a.addr, "security.protocol=SASL_PLAINTEXT", "sasl.mechanism=" + a.mechanism,
	}
	if a.mechanism == login.OAuthBearer {
		args = append(args, "token="+a.secret)
	} else {
		args = append(args, "sasl.username=mesh", "sasl.password="+a.secret)
	}
	program := exec.CommandContext(ctx, "python3", args...)
	program.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(clients, "python"))
	said, err := program.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	if !strings.Contains(string(said), "stored") {
		return errors.New(strings.TrimSpace(string(said)))
	}
	return nil
}

// TestRenewalLosesNothing produces until the client has renewed its login three times: nothing fails.
func TestRenewalLosesNothing(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	m := meshOf(t, stack.MeshCluster{Name: "renewed", Bootstrap: b.Addr()})
	m.Logins = loginsOf(t, b, map[string]any{"max_reauth_ms": session.Milliseconds()})
	alone := stack.Standalone(t, m)
	running := watched(t, &mesh{alone.Process, m.Addr})
	l := running.startLoad(t, "renewed-a", kgo.SASL(franzscram.Auth{User: "mesh", Pass: password}.AsSha512Mechanism()))
	l.wantMore(t, 1)
	renewed := regexp.MustCompile(`(?m)^envoy_kafkamesh_logins_renewed\{kafka_mechanism="scram_sha_512"\} ([3-9]|\d\d)`)
	stack.Check(t, stack.Await(t.Context(), "three renewals", func() error {
		metrics, err := stack.Page(t.Context(), http.MethodGet, "http://"+alone.Admin()+"/metrics")
		if err == nil && !renewed.MatchString(metrics) {
			err = errors.New("they are not counted yet")
		}
		return err
	}))
	l.finish(t, b)
	if strings.Contains(running.Log(), "did not log in anew") {
		t.Errorf("a login was not renewed:\n%s", running.Log())
	}
}
