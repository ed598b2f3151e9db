package config

import "strings"

// javas are properties of Java's clients that librdkafka does not have, each with what to write instead. testdata/java.txt has all of
// the producer's and the consumer's.
//
//nolint:gochecknoglobals,gosec // a table, of names
var javas = map[string]string{
	"max.request.size":                    "librdkafka's is message.max.bytes",
	"buffer.memory":                       "remove it: " + strings.TrimPrefix(unqueued, noEffect),
	"max.block.ms":                        "librdkafka's is message.timeout.ms",
	"send.buffer.bytes":                   "librdkafka's is socket.send.buffer.bytes",
	"receive.buffer.bytes":                "librdkafka's is socket.receive.buffer.bytes",
	"compression.gzip.level":              "remove it: " + strings.TrimPrefix(whole, noEffect),
	"compression.lz4.level":               "remove it: " + strings.TrimPrefix(whole, noEffect),
	"compression.zstd.level":              "remove it: " + strings.TrimPrefix(whole, noEffect),
	"fetch.max.wait.ms":                   "librdkafka's is fetch.wait.max.ms",
	"default.api.timeout.ms":              "remove it: each client waits as long as it likes",
	"exclude.internal.topics":             "remove it: each client leaves out what it does not want",
	"share.acquire.mode":                  "remove it: share groups are not served",
	"key.deserializer":                    "remove it: records are read by the clients",
	"value.deserializer":                  "remove it: records are read by the clients",
	"key.serializer":                      "remove it: records are made by the clients",
	"value.serializer":                    "remove it: records are made by the clients",
	"partitioner.class":                   "remove it: clients choose the partitions",
	"partitioner.ignore.keys":             "remove it: clients choose the partitions",
	"interceptor.classes":                 "remove it: no classes are loaded",
	"metric.reporters":                    "remove it: statistics are the host's",
	"config.providers":                    "remove it; passwords are read from files and variables by filename and environment_variable in the fields tls and sasl",
	"security.providers":                  "remove it: TLS is Go's",
	"metadata.max.idle.ms":                "remove it: only the topics in use are asked for",
	"transaction.two.phase.commit.enable": "remove it: transactions are not served",
	"bootstrap.controllers":               "name brokers, in bootstrap_servers",

	"partitioner.adaptive.partitioning.enable": "remove it: clients choose the partitions",
	"partitioner.availability.timeout.ms":      "remove it: clients choose the partitions",
	"auto.include.jmx.reporter":                "remove it: statistics are the host's",
	"socket.connection.setup.timeout.max.ms":   "librdkafka's is socket.connection.setup.timeout.ms",

	"ssl.truststore.location":          "librdkafka's is ssl.ca.location, a file in PEM: keytool -list -rfc -keystore STORE writes one",
	"ssl.truststore.password":          "remove it: ssl.ca.location is PEM, which has none",
	"ssl.truststore.certificates":      "librdkafka's is ssl.ca.pem",
	"ssl.truststore.type":              "remove it: ssl.ca.location is PEM; keytool -list -rfc -keystore STORE writes such a file",
	"ssl.keystore.type":                "remove it: ssl.keystore.location is PKCS#12; keytool -importkeystore -deststoretype PKCS12 makes one of a JKS",
	"ssl.keystore.certificate.chain":   "librdkafka's is ssl.certificate.pem",
	"ssl.keystore.key":                 "librdkafka's is ssl.key.pem",
	"ssl.protocol":                     "remove it: TLS 1.2 and 1.3 are spoken",
	"ssl.enabled.protocols":            "remove it: TLS 1.2 and 1.3 are spoken",
	"ssl.provider":                     "remove it: TLS is Go's",
	"ssl.engine.factory.class":         "remove it: TLS is Go's",
	"ssl.keymanager.algorithm":         "remove it: TLS is Go's",
	"ssl.trustmanager.algorithm":       "remove it: TLS is Go's",
	"ssl.secure.random.implementation": "remove it: TLS is Go's",

	"sasl.jaas.config":                         "librdkafka's are sasl.username and sasl.password (OAUTHBEARER: sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret; GSSAPI: sasl.kerberos.principal and sasl.kerberos.keytab)",
	"sasl.client.callback.handler.class":       "remove it: no classes are loaded, and the mechanism's own properties say how to log in",
	"sasl.login.callback.handler.class":        "remove it: no classes are loaded; for OAUTHBEARER librdkafka's is sasl.oauthbearer.method: oidc",
	"sasl.login.class":                         "remove it: no classes are loaded",
	"sasl.oauthbearer.assertion.template.file": "librdkafka's is sasl.oauthbearer.assertion.jwt.template.file",
	"sasl.oauthbearer.scope.claim.name":        "remove it: the broker reads the token",
}

// javaFamilies are properties of Java's by what they begin with.
//
//nolint:gochecknoglobals // a table
var javaFamilies = []struct{ prefix, advice string }{
	{"metrics.", "remove it: statistics are the host's"},
	{"sasl.login.", "remove it: socket.connection.setup.timeout.ms bounds a login, and it is renewed before it ends"},
	{"sasl.kerberos.ticket.renew.", "remove it: " + strings.TrimPrefix(renewal, noEffect)},
	{"sasl.oauthbearer.jwks.", "remove it: the broker verifies the token"},
	{"sasl.oauthbearer.expected.", "remove it: the broker verifies the token"},
	{"sasl.oauthbearer.clock.", "remove it: the broker verifies the token"},
	{"sasl.oauthbearer.header.", "remove it: only the body of the request for a token can be added to, by parameters in the field sasl.oauth"},
	{"sasl.oauthbearer.jwt.", "remove it: no classes are loaded; librdkafka's is sasl.oauthbearer.grant.type"},
	{"sasl.oauthbearer.client.credentials.", "librdkafka's are sasl.oauthbearer.client.id, sasl.oauthbearer.client.secret and sasl.oauthbearer.scope"},
}

// valueAdvice is what to write instead of properties of Java's that have a value of a kind.
//
//nolint:gochecknoglobals // a table
var valueAdvice = []struct{ name, part, advice string }{
	{"sasl.jaas.config", "IAMLoginModule", "write sasl.mechanism: AWS_MSK_IAM instead; for awsProfileName, awsRoleArn and the like there are the fields profile, role_arn, role_session_name and external_id of sasl.oauth.aws"},
	{"sasl.client.callback.handler.class", "IAMClientCallbackHandler", "remove it: sasl.mechanism: AWS_MSK_IAM says it all"},
	{"sasl.login.callback.handler.class", "GcpLoginCallbackHandler", "remove it with security.protocol and sasl.mechanism, and write tls: {} and sasl: {mechanism: MECHANISM_OAUTHBEARER, oauth: {google: {}}} beside producer_config"},
	{"sasl.login.callback.handler.class", "IAMOAuthBearerLoginCallbackHandler", "write sasl.mechanism: AWS_MSK_IAM instead"},
}

// noEffect begins what is said of properties without effect.
const noEffect = "has no effect: "

// unknownProperty says what to do about a property that librdkafka does not have.
func unknownProperty(name, value string) string {
	for _, known := range valueAdvice {
		if known.name == name && strings.Contains(value, known.part) {
			return "is Java's; " + known.advice
		}
	}
	if advice, ok := javas[name]; ok {
		return "is Java's; " + advice
	}
	for _, prefix := range []string{"topic.", "producer.", "kafka.", "rdkafka.", "default.topic.config."} { // as collectors and frameworks write
		if rest, ok := strings.CutPrefix(name, prefix); ok && specs()[rest].name != "" {
			return "unknown property; write " + rest + ", without " + prefix
		}
	}
	for _, family := range javaFamilies {
		if strings.HasPrefix(name, family.prefix) {
			return "is Java's; " + family.advice
		}
	}
	if n := Nearest(name, specNames()); n != "" {
		return "unknown property; did you mean " + n + "?"
	}
	if n := Nearest(name, fieldNamesOf("upstream_clusters[]")); n != "" {
		return "is a field of the cluster, and no property; write it beside producer_config"
	}
	return "unknown property; remove it (librdkafka's are known, see docs/configuration.md)"
}

// fieldNamesOf are the names of the fields of the message at a path.
func fieldNamesOf(path string) []string {
	for _, place := range fieldPlaces() {
		if place.path == path {
			return fieldNames(place.message)
		}
	}
	return nil
}
