package secure

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEachWayToABrokerStores produces through each way to a broker that there is, in Envoy and alone.
func TestEachWayToABrokerStores(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	clusters := ways(t, b)
	for name, start := range map[string]func(*testing.T, ...stack.MeshCluster) *mesh{"envoy": start, "serve": startAlone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, clusters...)
			for _, c := range clusters {
				t.Run(c.Name, func(t *testing.T) {
					topic := c.Name + "-" + name
					if err := m.produce(t, topic, 20); err != nil {
						t.Fatalf("%v; the log:\n%s", err, m.Log())
					}
					verify(t, b.KafkaCluster, topic, 20)
				})
			}
		})
	}
}

// ways are all ways to the broker.
func ways(t *testing.T, b *broker) []stack.MeshCluster {
	t.Helper()
	dir := t.TempDir()
	encrypted := filepath.Join(dir, "encrypted-key.pem")
	key, err := x509.ParsePKCS8PrivateKey(b.own.PKCS8)
	check(t, err)
	der, err := pkcs8.MarshalPrivateKey(key, []byte(keyPassword), nil)
	check(t, err)
	write(t, encrypted, authority.PEM("ENCRYPTED PRIVATE KEY", der))

	block, _ := pem.Decode(b.own.Certificate)
	certificate, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	store, err := pkcs12.Modern.WithRand(rand.Reader).Encode(key, certificate, []*x509.Certificate{b.ca.Certificate}, storePassword)
	check(t, err)
	keystore := filepath.Join(dir, "keystore.p12")
	write(t, keystore, store)
	folder := filepath.Join(dir, "authorities")
	check(t, os.Mkdir(folder, 0o700))
	write(t, filepath.Join(folder, "one.pem"), b.ca.PEM)

	oauth := map[string]string{
		"security.protocol": "sasl_ssl", "ssl.ca.location": b.ca.file, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
		"sasl.oauthbearer.token.endpoint.url": b.tokens.url + "/token", "sasl.oauthbearer.client.id": "mesh",
		"sasl.oauthbearer.client.secret": clientSecret, "sasl.oauthbearer.scope": "produce",
	}
	token := filepath.Join(dir, "token")
	write(t, token, []byte(b.tokens.sign(map[string]any{
		"iss": b.tokens.url, "sub": "mesh", "aud": "kafka", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})))
	assertion := map[string]string{
		"security.protocol": "sasl_ssl", "ssl.ca.location": b.ca.file, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
		"sasl.oauthbearer.grant.type":         "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"sasl.oauthbearer.token.endpoint.url": b.tokens.url + "/token", "sasl.oauthbearer.assertion.private.key.file": b.own.key,
		"sasl.oauthbearer.assertion.algorithm": "ES256", "sasl.oauthbearer.assertion.claim.sub": "mesh",
		"sasl.oauthbearer.scope":               "produce",
		"sasl.oauthbearer.assertion.claim.aud": b.tokens.url,
	}
	ca := map[string]any{"ca": filed(b.ca.file)}
	return []stack.MeshCluster{
		{Name: "tls", Bootstrap: b.Listener("TLS"), Producer: map[string]string{"security.protocol": "ssl", "ssl.ca.location": b.ca.file}},
		{Name: "tlsfolder", Bootstrap: "SSL://" + b.Listener("TLS"), Producer: map[string]string{"ssl.ca.location": folder}},
		{Name: "tlspem", Bootstrap: b.Listener("TLS"), Producer: map[string]string{
			"security.protocol": "ssl", "ssl.ca.pem": string(b.ca.PEM), "ssl.cipher.suites": "ECDHE-ECDSA-AES128-GCM-SHA256", "ssl.curves.list": "P-256",
		}},
		{Name: "mtls", Bootstrap: b.Listener("MTLS"), Producer: map[string]string{
			"security.protocol": "ssl", "ssl.ca.location": b.ca.file, "ssl.certificate.location": b.own.certificate, "ssl.key.location": b.own.key,
		}},
		{Name: "mtlsencrypted", Bootstrap: b.Listener("MTLS"), TLS: map[string]any{
			"ca": filed(b.ca.file), "certificate": filed(b.own.certificate), "key": filed(encrypted), "key_password": text(keyPassword),
		}},
		{Name: "mtlskeystore", Bootstrap: b.Listener("MTLS"), Producer: map[string]string{
			"security.protocol": "ssl", "ssl.keystore.location": keystore, "ssl.keystore.password": storePassword,
		}},
		{Name: "plain", Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_PLAIN", password)},
		{Name: "scram256", Bootstrap: b.Listener("SASL"), Producer: map[string]string{
			"security.protocol": "sasl_plaintext", "sasl.mechanisms": "SCRAM-SHA-256", "sasl.username": "mesh", "sasl.password": password,
		}},
		{Name: "scram512", Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_SCRAM_SHA_512", password)},
		{Name: "plaintls", Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: byPassword("MECHANISM_PLAIN", password)},
		{Name: "scram256tls", Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: byPassword("MECHANISM_SCRAM_SHA_256", password)},
		{Name: "scram512tls", Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: byPassword("MECHANISM_SCRAM_SHA_512", password)},
		{Name: "oauth", Bootstrap: b.Listener("SASLTLS"), Producer: oauth},
		{Name: "assertion", Bootstrap: b.Listener("SASLTLS"), Producer: assertion},
		{Name: "tokenfile", Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: map[string]any{
			"mechanism": "MECHANISM_OAUTHBEARER",
			"oauth":     map[string]any{"token_file": token, "extensions": map[string]string{"logicalCluster": "a"}},
		}},
	}
}
