package secure

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// The passwords that the broker knows. Nothing that the mesh prints may hold one: see TestMain.
const (
	password       = "hush-the-password"
	clientSecret   = "hush-the-client-secret"
	keyPassword    = "hush-the-key"
	storePassword  = "hush-the-keystore"
	wrongPassword  = "hush-the-wrong-one"
	secondPassword = "hush-the-second-one"
)

// broker is an Apache Kafka with a listener for each way to it, and who signs for it.
type broker struct {
	*stack.KafkaCluster

	dir         string
	ca, unknown *signer
	own         leaf // a certificate that it takes
	tokens      *tokenServer
	sidecar     string // what its listener MESH tells clients to connect to: for an Envoy before it
}

var (
	running broker
	once    = sync.OnceValue(startBroker)
)

func sharedBroker(t *testing.T) *broker {
	t.Helper()
	stack.Check(t, once())
	return &running
}

func stopShared() error {
	if running.KafkaCluster != nil {
		running.Close()
	}
	if running.tokens != nil {
		running.tokens.close()
	}
	return os.RemoveAll(running.dir)
}

// maker makes certificates outside of any test.
type maker struct {
	testing.TB

	err error
}

func (m *maker) Helper() {}

func (m *maker) Fatal(args ...any) {
	m.err = fmt.Errorf("%v", args)
	panic(m)
}

func startBroker() (err error) {
	m := &maker{}
	defer func() {
		if m.err != nil {
			_ = recover() // it is m's
			err = m.err
		}
	}()
	b := &running
	if b.dir, err = os.MkdirTemp("", "kafkamesh-secure-"); err != nil {
		return err
	}
	if b.sidecar, err = stack.FreeAddr(); err != nil {
		return err
	}
	b.ca, b.unknown = newSigner(m, b.dir, "ca"), newSigner(m, b.dir, "unknown-ca")
	server := b.ca.issue(m, b.dir, "broker", []string{"127.0.0.1", "localhost"}, nil)
	wrongHost := b.ca.issue(m, b.dir, "wrong-host", []string{"kafka.example.com"}, nil)
	old := b.ca.issue(m, b.dir, "old", []string{"127.0.0.1"}, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	b.own = b.ca.issue(m, b.dir, "mesh", nil, nil)
	if b.tokens, err = startTokenServer(clientSecret); err != nil {
		return err
	}
	b.tokens.asserted.Store(b.own.public(m))
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_mesh=\"" + password + "\" user_other=\"" + secondPassword + "\";"
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	p := map[string]string{
		"ssl.keystore.type": "PEM", "ssl.keystore.location": server.both,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": b.ca.file,
		"listener.name.mtls.ssl.client.auth":              "required",
		"listener.name.wronghost.ssl.keystore.location":   wrongHost.both,
		"listener.name.old.ssl.keystore.location":         old.both,
		"sasl.enabled.mechanisms":                         "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"listener.name.plainonly.sasl.enabled.mechanisms": "PLAIN",
		"sasl.oauthbearer.jwks.endpoint.url":              b.tokens.url + "/keys",
		"sasl.oauthbearer.expected.audience":              "kafka",
		// What has ACLs is for whom they name; all else is for everyone, as if there were no authorizer.
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found": "true",
		"super.users":                    "User:ANONYMOUS",
	}
	for _, listener := range []string{"sasl", "sasltls", "short", "plainonly", "relogin"} {
		at := "listener.name." + listener
		p[at+".plain.sasl.jaas.config"] = plain
		p[at+".scram-sha-256.sasl.jaas.config"] = scram
		p[at+".scram-sha-512.sasl.jaas.config"] = scram
		p[at+".oauthbearer.sasl.jaas.config"] = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
		p[at+".oauthbearer.sasl.server.callback.handler.class"] = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
	}
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"} {
		p["listener.name.short."+mechanism+".connections.max.reauth.ms"] = strconv.FormatInt(session.Milliseconds(), 10)
		p["listener.name.relogin."+mechanism+".connections.max.reauth.ms"] = strconv.FormatInt(session.Milliseconds(), 10)
	}
	b.KafkaCluster, err = stack.StartKafka(context.Background(), stack.KafkaOptions{
		Version: os.Getenv("SECURE_KAFKA"),
		Listeners: map[string]string{
			"TLS": "SSL", "MTLS": "SSL", "WRONGHOST": "SSL", "OLD": "SSL", "SASL": "SASL_PLAINTEXT", "SASLTLS": "SASL_SSL", "SHORT": "SASL_SSL",
			"PLAINONLY": "SASL_PLAINTEXT", "RELOGIN": "SASL_PLAINTEXT", "MESH": "PLAINTEXT",
		},
		Advertised: map[string]string{"MESH": b.sidecar},
		Properties: p,
		Format: []string{
			"--add-scram", "SCRAM-SHA-256=[name=mesh,password=" + password + "]",
			"--add-scram", "SCRAM-SHA-512=[name=mesh,password=" + password + "]",
		},
		JVM: []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + b.tokens.url + "/keys"},
	})
	return err
}
