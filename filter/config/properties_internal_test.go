package config

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the tables of properties in docs/configuration.md")

// Every property of librdkafka's is decided on, under its first name, and nothing else is.
func TestTreatments(t *testing.T) {
	t.Parallel()
	producers, consumers := treatments(), consumerTreatments()
	for name, s := range specs() {
		_, forProducers := producers[name]
		_, forConsumers := consumers[name]
		switch first := name == s.alias; {
		case !first && (forProducers || forConsumers):
			t.Errorf("%s is in a table; it is another name", name)
		case s.who == "C" && forProducers, s.who == "P" && forConsumers:
			t.Errorf("%s is in the other's table", name)
		case first && !forProducers && !forConsumers && name != "metadata.broker.list":
			t.Errorf("%s is in no table", name)
		}
	}
	for _, table := range []map[string]treatment{producers, consumers} {
		for name, treatment := range table {
			checkTreatment(t, name, treatment)
		}
	}
}

func checkTreatment(t *testing.T, name string, treatment treatment) {
	t.Helper()
	if _, ok := specs()[name]; !ok {
		t.Errorf("librdkafka has no property %s", name)
	}
	decided := 0
	for _, set := range []bool{treatment.apply != nil && treatment.ignored == "", treatment.security, treatment.ignored != "", treatment.refused != ""} {
		if set {
			decided++
		}
	}
	if decided != 1 {
		t.Errorf("%s: %d decisions, want one", name, decided)
	}
	if _, ok := meanings[name]; !ok && treatment.ignored == "" && treatment.refused == "" {
		t.Errorf("%s: what has an effect has a meaning", name)
	}
}

// The default of what has an effect can be given.
func TestDefaultsAreAllowed(t *testing.T) {
	t.Parallel()
	all := treatments()
	maps.Copy(all, consumerTreatments())
	for name, treatment := range all {
		s := specs()[name]
		if s.fallback == "" || treatment.refused != "" {
			continue
		}
		value, err := s.read(s.fallback)
		if err != nil {
			t.Errorf("%s: the default %q: %v", name, s.fallback, err)
			continue
		}
		var c Cluster
		if treatment.apply != nil {
			if err := treatment.apply(&c, value); err != nil {
				t.Errorf("%s: the default %q: %v", name, value, err)
			}
		}
	}
}

// TestPropertiesDocumented compares docs/configuration.md with the table of properties.
func TestPropertiesDocumented(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- properties: written by go test ./filter/config -update-docs -->\n", "<!-- end of properties -->"
	document.Compare(t, "../../docs/configuration.md", begin, end, propertyTables(treatments()), *updateDocs)
}

func TestConsumerPropertiesDocumented(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- consumer properties: written by go test ./filter/config -update-docs -->\n", "<!-- end of consumer properties -->"
	document.Compare(t, "../../docs/configuration.md", begin, end, propertyTables(consumerTreatments()), *updateDocs)
}

func propertyTables(table map[string]treatment) string {
	var applied, ignored, refused strings.Builder
	for _, name := range slices.Sorted(maps.Keys(table)) {
		s, treatment := specs()[name], table[name]
		all := []string{name}
		for _, other := range slices.Sorted(maps.Keys(specs())) {
			if specs()[other].alias == name && other != name {
				all = append(all, other)
			}
		}
		names := "`" + strings.Join(all, "`, `") + "`"
		switch {
		case treatment.refused != "":
			fmt.Fprintf(&refused, "| %s | %s |\n", names, treatment.refused)
		case treatment.ignored != "":
			fmt.Fprintf(&ignored, "| %s | %s |\n", names, treatment.ignored)
		default:
			fmt.Fprintf(&applied, "| %s | %s | %s |\n", names, s.values(), meanings[name])
		}
	}
	return "\n#### Applied\n\n| property | values | meaning |\n|---|---|---|\n" + applied.String() +
		"\n#### Accepted, without effect\n\nA value other than librdkafka's default gives a warning.\n\n| property | why |\n|---|---|\n" +
		ignored.String() +
		"\n#### Refused\n\nlibrdkafka's default may be written; anything else is refused.\n\n| property | why |\n|---|---|\n" + refused.String() + "\n"
}

// values are those that may be written.
func (s spec) values() string {
	if s.alias == "request.required.acks" {
		return "`all`, `-1`, `0`, `1`"
	}
	switch s.kind {
	case "integer", "float":
		low, high := s.bounds()
		return fmt.Sprintf("%d to %d", low, high)
	case "boolean":
		return "`true`, `false`"
	case "enum value":
		return "`" + strings.ReplaceAll(s.allowed, ", ", "`, `") + "`"
	default:
		return "text"
	}
}

// meanings says what the properties that have an effect do here.
var meanings = map[string]string{
	"request.required.acks":                             "Replaces the acks of the clients' requests. Default: the client's own. See [below](#acks).",
	"client.id":                                         "1 to 32767 bytes: the client id that brokers see in their logs, quotas and metrics. Default: `kafkamesh`.",
	"request.timeout.ms":                                "How long a batch may wait for its answer. A client's own timeout may count instead ([when](decisions.md#which-time-is-a-request-given)). Default: 30000.",
	"message.timeout.ms":                                "The longest that a batch may wait, whatever its client's timeout is. Default: no bound of its own.",
	"message.max.bytes":                                 "The largest batch that is sent on; a larger one is answered MESSAGE_TOO_LARGE. Default: the brokers decide.",
	"receive.message.max.bytes":                         "The longest answer of a broker that is read. Default: 67108864 (64 MiB).",
	"max.in.flight.requests.per.connection":             "Requests in flight on one connection to a broker. Default: 5.",
	"batch.size":                                        "The most bytes of several clients' batches in one request to a broker. A client's own request is never divided. Default: 1048576 (1 MiB).",
	"queue.buffering.max.ms":                            "How long batches may wait for others to share a request with, at most half of `request.timeout.ms`. Even with 0 batches share requests: those that come while the window of requests in flight is full leave together. Default: 0.",
	"fetch.max.bytes":                                   "The most bytes of an answer: a client that asks for more gets no more at a time. The first batch comes whole, however long. 0 counts as 1. Default: as each client asks.",
	"fetch.message.max.bytes":                           "The most bytes of one partition in an answer. The first batch comes whole, however long. Default: as each client asks.",
	"fetch.min.bytes":                                   "How many bytes a broker waits for at least, as long as the client lets it wait. Clients that ask for more get what they ask for. Default: as each client asks.",
	"fetch.wait.max.ms":                                 "The longest that a broker waits for records. A client that would wait for longer gets an empty answer, and asks again. 0 counts as 1. Default: as each client asks.",
	"socket.timeout.ms":                                 "How long a broker may let a connection wait for an answer that is due; then the connection is made anew. Default: 60000.",
	"socket.connection.setup.timeout.ms":                "Bounds connecting, TLS and the login together. Default: 30000.",
	"socket.keepalive.enable":                           "TCP keep-alives. Default: `false`.",
	"socket.nagle.disable":                              "TCP_NODELAY. Default: `true`.",
	"socket.send.buffer.bytes":                          "The socket's send buffer. Default: the system's.",
	"socket.receive.buffer.bytes":                       "The socket's receive buffer. Default: the system's.",
	"broker.address.family":                             "Which addresses of a broker are used. Default: `any`.",
	"client.dns.lookup":                                 "`resolve_canonical_bootstrap_servers_only` replaces bootstrap servers by the names that their addresses resolve to, as Kerberos may need. Default: `use_all_dns_ips`, each address of a name is tried.",
	"reconnect.backoff.ms":                              "The pause after a connection has failed, and after a failed request for metadata. It doubles each time. Default: 100.",
	"reconnect.backoff.max.ms":                          "The longest such pause. Default: 10000.",
	"connections.max.idle.ms":                           "How long a connection to a broker may have nothing to do before it is closed. Default: as long as the broker keeps it.",
	"metadata.max.age.ms":                               "The age at which what is known of a topic, such as its partitions and their leaders, is no longer believed. Default: 900000 (15 minutes); if only `topic.metadata.refresh.interval.ms` is given, three times that.",
	"topic.metadata.refresh.interval.ms":                "How often the filter asks for metadata without a reason, so that it learns of new brokers, partitions and leaders early. `-1` or `0`: never. It always asks when a broker says that it is no longer the leader. Default: 300000 (5 minutes).",
	"allow.auto.create.topics":                          "`false` keeps clients from having topics created. Default: as each client asks.",
	"security.protocol":                                 "Whether connections are encrypted, and whether to log in. Default: what the fields `tls` and `sasl` say, else `plaintext`.",
	"ssl.ca.location":                                   "The authorities that may have signed the brokers' certificates: a PEM file, or a folder of them. Default: the system's.",
	"ssl.ca.pem":                                        "The same, as text.",
	"ssl.certificate.location":                          "Our own certificate, with those between it and its authority behind it: a PEM file.",
	"ssl.certificate.pem":                               "The same, as text.",
	"ssl.key.location":                                  "The certificate's private key: a PEM file. It may be encrypted (PKCS#8, or as OpenSSL long wrote it).",
	"ssl.key.pem":                                       "The same, as text.",
	"ssl.key.password":                                  "What opens the private key.",
	"ssl.keystore.location":                             "Certificate and private key in one PKCS#12 file.",
	"ssl.keystore.password":                             "What opens the keystore.",
	"ssl.crl.location":                                  "Certificates that their authorities have withdrawn: a PEM file.",
	"ssl.cipher.suites":                                 "The suites allowed with TLS 1.2, by OpenSSL's or IANA's names. (With TLS 1.3 Go chooses.) Default: Go's choice.",
	"ssl.curves.list":                                   "The curves of the key exchange. Default: Go's choice.",
	"ssl.endpoint.identification.algorithm":             "`none` takes a certificate for any name, if a known authority signed it. Default: `https`.",
	"enable.ssl.certificate.verification":               "`false` believes whoever answers. Default: `true`.",
	"sasl.mechanisms":                                   "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`, `AWS_MSK_IAM` (Amazon MSK) or `GSSAPI`. Required to log in. (librdkafka's default is GSSAPI.)",
	"sasl.username":                                     "Who we are, for PLAIN and SCRAM.",
	"sasl.password":                                     "How we prove it.",
	"sasl.kerberos.service.name":                        "The first part of the brokers' principals. Default: `kafka`.",
	"sasl.kerberos.principal":                           "Our principal. Default: `kafkaclient`.",
	"sasl.kerberos.keytab":                              "A file with its key. Without one, the ticket cache that `KRB5CCNAME` names is used.",
	"sasl.oauthbearer.method":                           "`oidc` is required for OAUTHBEARER: a server gives the tokens.",
	"sasl.oauthbearer.client.id":                        "Who we are for that server (client credentials).",
	"sasl.oauthbearer.client.secret":                    "How we prove it.",
	"sasl.oauthbearer.scope":                            "What the token is to be good for.",
	"sasl.oauthbearer.extensions":                       "`NAME=VALUE`, separated by commas: sent to the broker with the token.",
	"sasl.oauthbearer.token.endpoint.url":               "The server's URL; or `file:///PATH` of a file with a token, as Java's clients have it.",
	"sasl.oauthbearer.metadata.authentication.type":     "`azure_imds`: tokens of the managed identity in Azure; neither a URL nor a secret is needed. `aws_iam` is refused. Default: `none`.",
	"sasl.oauthbearer.config":                           "With `azure_imds`: `query=resource=…&client_id=…`, what tokens are for and which identity. Default: the namespace of the bootstrap servers, and the only identity. Refused without.",
	"sasl.oauthbearer.grant.type":                       "How we prove who we are to that server: by the secret, or by an assertion (RFC 7523). Default: `client_credentials`.",
	"sasl.oauthbearer.assertion.file":                   "A file with an assertion that somebody else has signed and renews. It is read for each token, and the other properties of assertions have no place beside it.",
	"sasl.oauthbearer.assertion.private.key.file":       "The key that assertions are signed with: a PEM file.",
	"sasl.oauthbearer.assertion.private.key.pem":        "The same, as text.",
	"sasl.oauthbearer.assertion.private.key.passphrase": "What opens it.",
	"sasl.oauthbearer.assertion.algorithm":              "How they are signed. Default: `RS256`.",
	"sasl.oauthbearer.assertion.claim.iss":              "Who has made them. Default: as the template says.",
	"sasl.oauthbearer.assertion.claim.sub":              "Whom they are about. Default: as the template says.",
	"sasl.oauthbearer.assertion.claim.aud":              "Whom they are for. Default: as the template says.",
	"sasl.oauthbearer.assertion.claim.exp.seconds":      "How long they are good. Default: 300.",
	"sasl.oauthbearer.assertion.claim.nbf.seconds":      "For how long they have been good already. Default: 60.",
	"sasl.oauthbearer.assertion.claim.jti.include":      "Whether each gets an id of its own. Default: `false`.",
	"sasl.oauthbearer.assertion.jwt.template.file":      "A file with what is in them besides, as JSON: `{\"header\": {…}, \"payload\": {…}}`.",
	"https.ca.location":                                 "The authorities that may have signed that server's certificate: a PEM file or a folder. Default: the system's.",
	"https.ca.pem":                                      "The same, as text.",
}
