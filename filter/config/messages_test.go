package config_test

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// messageCase is a configuration with mistakes.
type messageCase struct{ name, raw string }

// oneCluster returns YAML with the given fields of one cluster, and a rule.
func oneCluster(fields string) string {
	return "upstream_clusters: [{" + fields + "}]\nforwarding_rules: [{target_cluster: a, topic_prefix: a}]\n"
}

// twoClusters returns YAML with the clusters kafka_east and kafka_west and the given rules.
func twoClusters(rules ...string) string {
	return "upstream_clusters: [{cluster_name: kafka_east, bootstrap_servers: e}, {cluster_name: kafka_west, bootstrap_servers: w}]\n" +
		"forwarding_rules: [" + strings.Join(rules, ", ") + "]\n"
}

// advertised returns YAML with the given top-level fields before a good rest.
func advertised(fields string) string {
	return fields + "\n" + oneCluster("cluster_name: a, bootstrap_servers: a")
}

func authorized(rules ...string) string {
	return advertised("authorization: {rules: [" + strings.Join(rules, ", ") + "]}")
}

func throttled(rules ...string) string {
	return advertised("quotas: {rules: [" + strings.Join(rules, ", ") + "]}")
}

// everything is the rest of a rule of authorization.
const everything = "effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_ALL], topics: ['*']}"

func servers(list string) string {
	return oneCluster(`cluster_name: a, bootstrap_servers: "` + list + `"`)
}

func textCases() []messageCase {
	const good = "cluster_name: a, bootstrap_servers: a"
	return []messageCase{
		// The text as such.
		{"nothing", ""},
		{"only a comment", "# to do\n"},
		{"an empty mapping", "{}"},
		{"a list", "[1, 2]"},
		{"a word", "kafka"},
		{"a number", "7"},
		{"bad YAML", "advertised_host: a\n  advertised_port: 1\n"},
		{"bad indentation", "upstream_clusters:\n- cluster_name: a\n bootstrap_servers: b\n"},
		{"an unknown alias", "advertised_host: *x\n"},
		{"names that are no texts", "? [a]\n: b\n"},
		{"a name that is nothing", "advertised_host: a\nnull: b\n"},
		{"key twice in YAML", "advertised_host: a\nadvertised_host: b\n"},
		{"key twice in JSON", `{"upstream_clusters": [{"cluster_name": "a", "cluster_name": "b"}], "advertised_host": "a", "advertised_host": "a"}`},
		{"two documents", "advertised_host: a\n---\nadvertised_host: b\n"},
		{"too large", strings.Repeat("#", 16<<20+1)},
		{"another filter's configuration", "\"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n"},
		// Names and types.
		{"unknown fields", "advertised_hosts: a\nstat_prefix: x\n" + oneCluster(good+", clustername: b, tls: true")},
		{"unknown field in a rule", twoClusters("{target_cluster: kafka_east, topic: a}")},
		{"field under both names", "advertised_host: a\nadvertisedHost: a\nadvertised_port: 1\n" + oneCluster(good)},
		{"wrong types", "advertised_host: 7\nadvertised_port: many\nconsumer_proxy_mode: [x]\nupstream_clusters: {cluster_name: a}\nforwarding_rules: a\n"},
		{"wrong types inside", "upstream_clusters: [a, null, {cluster_name: [a], bootstrap_servers: true, partition_count: 1.5, producer_config: [acks]}]\n"},
		{"wrong property types", oneCluster(good + ", producer_config: {acks: [1], linger.ms: , client.id: {a: b}}")},
		{"numbers out of range", "advertised_port: 2147483648\n" + oneCluster(good+", partition_count: -1e300")},
		{"unknown mode", "consumer_proxy_mode: StatelessConsumerProxy\n" + oneCluster(good)},
		{"unknown mode number", "consumer_proxy_mode: 1\n" + oneCluster(good)},
		// The advertised address.
		{"host without port", advertised("advertised_host: a")},
		{"port without host", advertised("advertised_port: 1")},
		{"port too high", advertised("advertised_host: a\nadvertised_port: 65536")},
		{"port negative", advertised("advertised_host: a\nadvertised_port: -1")},
		{"host any IPv4", advertised("advertised_host: 0.0.0.0\nadvertised_port: 1")},
		{"host any IPv6", advertised("advertised_host: '::'\nadvertised_port: 1")},
		{"host any IPv4 in IPv6", advertised("advertised_host: '::ffff:0.0.0.0'\nadvertised_port: 1")},
		{"host in brackets", advertised("advertised_host: '[fd00::1]'\nadvertised_port: 1")},
		{"host with port", advertised("advertised_host: kafka:9092\nadvertised_port: 1")},
		{"host no name", advertised("advertised_host: http://kafka\nadvertised_port: 1")},
		// Clusters.
		{"no clusters, no rules", "advertised_host: a\nadvertised_port: 1\n"},
		{"no clusters", "forwarding_rules: [{target_cluster: a, topic_prefix: a}]\n"},
		{"empty cluster and rule", "upstream_clusters: [{}]\nforwarding_rules: [{}]\n"},
		{"cluster names twice", "upstream_clusters: [{" + good + "}, {" + good + "}, {" + good + "}]\nforwarding_rules: [{target_cluster: a, topic_prefix: a}]\n"},
		{"partition_count negative", oneCluster(good + ", partition_count: -5")},
		{"offsets kept for no time", oneCluster(good + ", offset_retention_days: 0")},
		{"offsets kept for ever", oneCluster(good + ", offset_retention_days: 9999999")},
		{"servers only commas", servers(" , ,")},
		{"servers without host", servers(":9092")},
		{"servers with bad ports", servers("a:0,a:65536,a:,a:http,a:-1,a:99999999999999999999")},
		{"servers with bad IPv6", servers("::1,fd00::1:9092,[::1,[::1]9092,[10.0.0.1]:1,[kafka]:1")},
		{"servers with bad names", servers("a b:1,kafkä:1,a..b:1,10.0.0.256:1," + strings.Repeat("a", 64) + "," + strings.Repeat("abc.", 64) + "abc")},
		{"servers with schemes", servers("SSL://a:1,sasl_ssl://b:1,SASL_PLAINTEXT://c:1,kafka://d:1")},
		{"server twice", servers("a,b:1,a:9092")},
		// Properties.
		{"bad values", oneCluster(good + `, producer_config: {acks: 2, client.id: "", linger.ms: 5s, request.timeout.ms: 0, metadata.max.age.ms: 1.5, topic.metadata.refresh.interval.ms: -2}`)},
		{"properties not supported", oneCluster(good + ", producer_config: {compression.type: gzip, sasl.password: secret, bootstrap.servers: x, metadata.broker.list: x, socket.timeout.ms: 1, '': x}")},
		{"properties misspelt", oneCluster(good + ", producer_config: {ack: 1, clientId: x, linger: 1, request_timeout_ms: 1, metadata.max.age: 1, queue.buffering.max: 1}")},
		{"name and alias differ", oneCluster(good + ", producer_config: {acks: 1, request.required.acks: all, linger.ms: 1, queue.buffering.max.ms: 2}")},
		{"name and alias both bad", oneCluster(good + ", producer_config: {acks: 3, request.required.acks: 3}")},
		{"client.id too long", oneCluster(good + ", producer_config: {client.id: " + strings.Repeat("x", 1<<15) + "}")},
		{"property name very long", oneCluster(good + ", producer_config: {" + strings.Repeat("x", 200) + ": y}")},
		{"no effect", oneCluster(good + ", consumer_config: {group.id: x, session.timeout.ms: 7}")},
		{"consumer_config", oneCluster(good + ", consumer_config: {anything: 7, session.timeout.ms: x, rebalance_cb: x}")},
		{"consumer_config without effect", oneCluster(good + ", consumer_config: {acks: all, client.id: x, log_level: 7, isolation.level: read_uncommitted, auto.offset.reset: earliest, enable.auto.commit: false, queued.min.messages: 1, max.poll.records: 1, client.rack: a, allow.auto.create.topics: true, socket.timeout.ms: 1000}")},
		{"consumer_config at its defaults", oneCluster(good + ", producer_config: {client.id: x}, consumer_config: {isolation.level: read_committed, session.timeout.ms: 45000, check.crcs: false, client.id: x, bootstrap.servers: a, socket.timeout.ms: 60000, offset.store.method: broker}")},
		{"consumer_config with other servers", oneCluster(good + ", consumer_config: {bootstrap.servers: b, topic.blacklist: x, plugin.library.paths: x}")},
		{"consumer_config of Java", oneCluster(good + ", consumer_config: {fetch.max.wait.ms: 500, key.deserializer: x, fetch.max.byte: 1}")},
		{"login in consumer_config alone", oneCluster(good + ", consumer_config: {security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, sasl.username: joe, sasl.password: hush}")},
		{"login in consumer_config, incomplete", oneCluster(good + ", consumer_config: {sasl.mechanism: PLAIN, sasl.username: joe}")},
		{"login in both, the same", oneCluster(good + ", producer_config: {security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, sasl.username: joe, sasl.password: hush}, consumer_config: {security.protocol: sasl_plaintext, sasl.mechanisms: PLAIN, sasl.username: joe, sasl.password: hush}")},
		{"login in both, different", oneCluster(good + ", producer_config: {security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, sasl.username: joe, sasl.password: hush}, consumer_config: {sasl.username: ann, sasl.password: secret, ssl.ca.location: /ca.pem}")},
		{"login in consumer_config, and sasl", oneCluster(good + ", sasl: {mechanism: MECHANISM_PLAIN, username: {inline_string: joe}, password: {inline_string: hush}}, consumer_config: {sasl.username: ann}")},
		{"no effect, but none wanted", oneCluster(good + ", consumer_config: {}")},
		{"linger of more than half the timeout", oneCluster(good + ", producer_config: {linger.ms: 500.5, request.timeout.ms: 1000}")},
		{"refused properties", oneCluster(good + ", producer_config: {transactional.id: x, ssl.sigalgs.list: x, dr_msg_cb: x, topic.blacklist: a, enable.sasl.oauthbearer.unsecure.jwt: true, ssl_key: x, reconnect.backoff.ms: 2000, reconnect.backoff.max.ms: 1000}")},
		{"properties without effect", oneCluster(good + ", producer_config: {compression.type: gzip, retries: 3, group.id: x, debug: 'broker,topic', batch.num.messages: 7, acks: all}")},
		{"properties at their defaults", oneCluster(good + ", producer_config: {compression.type: none, retries: 2147483647, enable.idempotence: false, statistics.interval.ms: 0}")},
		{"kinds of values", oneCluster(good + ", producer_config: {socket.keepalive.enable: maybe, broker.address.family: v5, debug: 'broker,everything', max.in.flight: 0}")},
		// TLS and SASL.
		{"TLS without its protocol", oneCluster(good + ", producer_config: {ssl.ca.location: testdata/tls/ca.pem, sasl.username: u, https.ca.pem: x}")},
		{"protocol twice", oneCluster("cluster_name: a, bootstrap_servers: 'SSL://a:1', producer_config: {security.protocol: plaintext}")},
		{"protocol against fields", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_PLAIN, username: {inline_string: u}, password: {inline_string: hush}}, producer_config: {security.protocol: plaintext}")},
		{"said twice", oneCluster(good + ", tls: {}, producer_config: {ssl.ca.location: testdata/tls/ca.pem, security.protocol: ssl}")},
		{"missing files", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.ca.location: testdata/tls/missing.pem, ssl.certificate.location: testdata/tls/missing.pem, ssl.key.location: testdata/tls/key.pem, ssl.crl.location: testdata/tls/missing.pem}")},
		{"files of other kinds", oneCluster(good + ", tls: {ca: {filename: testdata/tls/text.pem}, certificate: {filename: testdata/tls/damaged.pem}, key: {filename: testdata/tls/key.pem}, crl: {filename: testdata/tls/ca.pem}}")},
		{"no key", oneCluster(good + ", tls: {certificate: {filename: testdata/tls/certificate.pem}}")},
		{"another key", oneCluster(good + ", tls: {certificate: {filename: testdata/tls/certificate.pem}, key: {filename: testdata/tls/other-key.pem}}")},
		{"key without password", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.certificate.location: testdata/tls/certificate.pem, ssl.key.location: testdata/tls/encrypted-key.pem}")},
		{"key with another password", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.certificate.location: testdata/tls/certificate.pem, ssl.key.location: testdata/tls/encrypted-key.pem, ssl.key.password: hush}")},
		{"key with its password", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.certificate.location: testdata/tls/certificate.pem, ssl.key.location: testdata/tls/encrypted-key.pem, ssl.key.password: opens-the-key}")},
		{"keystore", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.keystore.location: testdata/tls/keystore.p12, ssl.keystore.password: opens-the-store}")},
		{"keystore with another password", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.keystore.location: testdata/tls/keystore.p12, ssl.keystore.password: hush}")},
		{"keystore of another kind", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.keystore.location: testdata/tls/ca.pem}")},
		{"keystore and certificate", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.keystore.location: testdata/tls/keystore.p12, ssl.key.location: testdata/tls/key.pem}")},
		{"expired", oneCluster(good + ", tls: {ca: {filename: testdata/tls/expired.pem}, certificate: {filename: testdata/tls/expired.pem}, key: {filename: testdata/tls/key.pem}}")},
		{"names of TLS", oneCluster(good + ", producer_config: {security.protocol: ssl, ssl.cipher.suites: 'ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA', ssl.curves.list: 'P-256:secp256k1'}")},
		{"nobody verified", oneCluster(good + ", tls: {verification: VERIFICATION_NONE}")},
		{"empty sources", oneCluster(good + ", tls: {ca: {}}, sasl: {mechanism: MECHANISM_PLAIN, username: {}, password: {environment_variable: KAFKAMESH_TEST_NOT_SET}}")},
		{"no mechanism", oneCluster(good + ", sasl: {}")},
		{"no mechanism, by property", oneCluster(good + ", producer_config: {security.protocol: sasl_ssl}")},
		{"another mechanism", oneCluster(good + ", producer_config: {security.protocol: sasl_ssl, sasl.mechanism: DIGEST-MD5}")},
		{"no password", oneCluster(good + ", producer_config: {security.protocol: sasl_ssl, sasl.mechanism: SCRAM-SHA-256, sasl.username: u}")},
		{"password in an empty file", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: u}, password: {filename: testdata/tls/empty}}")},
		{"password in plain text", oneCluster(good + ", producer_config: {security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, sasl.username: u, sasl.password: hush}")},
		{"tokens of nobody", oneCluster(good + ", producer_config: {security.protocol: sasl_ssl, sasl.mechanism: OAUTHBEARER}")},
		{"token server in plain text", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_OAUTHBEARER, oauth: {token_url: 'http://tokens/', client_id: {inline_string: c}, client_secret: {inline_string: hush}}}")},
		{"two ways to a token", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_OAUTHBEARER, username: {inline_string: u}, oauth: {token_url: 'https://tokens/', token_file: testdata/tls/text.pem}}")},
		{"no keytab", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_GSSAPI, kerberos: {principal: x, config: testdata/tls/empty}}")},
		{"two proofs for Kerberos", oneCluster(good + ", tls: {}, sasl: {mechanism: MECHANISM_GSSAPI, kerberos: {keytab: testdata/tls/empty, ticket_cache: testdata/tls/missing, config: testdata/tls/missing}}")},
		{"source given twice", oneCluster(good + ", tls: {ca: {filename: a, inline_string: b}}")},
		{"connections_per_broker out of range", "upstream_clusters: [{" + good + ", connections_per_broker: 0}, {cluster_name: b, bootstrap_servers: b, connections_per_broker: 17}]\nforwarding_rules: [{target_cluster: a, topic_prefix: a}, {target_cluster: b, topic_prefix: b}]\n"},
		// How brokers are reached.
		{"dial without socket", oneCluster(good + ", dial: {proxy_protocol: {}}")},
		{"dial, a socket alone", oneCluster(good + ", dial: '@kafka-mesh-egress'")},
		{"dial, a socket in place of proxy_protocol", oneCluster(good + ", dial: {proxy_protocol: '@kafka-mesh-egress'}")},
		{"dial of wrong types", oneCluster(good + ", dial: {proxy_protocol: {socket: 7}, dns_server: [127.0.0.1]}")},
		{"dial, other names", oneCluster(good + ", dial: {direct: {}, proxy_protocol: {pipe: {path: '@x'}}, dns: 127.0.0.1}")},
		{"dial, a socket in Envoy's words", oneCluster(good + ", dial: {proxy_protocol: {path: '@x'}}")},
		{"socket without @", oneCluster(good + ", dial: {proxy_protocol: {socket: kafka-mesh-egress}}")},
		{"socket, a URL", oneCluster(good + ", dial: {proxy_protocol: {socket: 'unix:///run/mesh.sock'}}")},
		{"socket without a name", oneCluster(good + ", dial: {proxy_protocol: {socket: '@'}}")},
		{"socket, a folder", oneCluster(good + ", dial: {proxy_protocol: {socket: '/run/mesh/'}}")},
		{"socket too long", oneCluster(good + ", dial: {proxy_protocol: {socket: '/" + strings.Repeat("x", 107) + "'}}")},
		{"socket with a zero byte", oneCluster(good + `, dial: {proxy_protocol: {socket: "@a\0b"}}`)},
		{"socket, and what only TCP has", oneCluster(good + ", dial: {proxy_protocol: {socket: '@x'}}, producer_config: {socket.keepalive.enable: true, socket.nagle.disable: false, socket.send.buffer.bytes: 65536}")},
		{"dns_server, nothing", oneCluster(good + ", dial: {dns_server: ''}")},
		{"dns_server, a name", oneCluster(good + ", dial: {dns_server: 'localhost:15053'}")},
		{"dns_server, a URL", oneCluster(good + ", dial: {dns_server: 'tcp://127.0.0.1:53'}")},
		{"dns_server, several", oneCluster(good + ", dial: {dns_server: '127.0.0.1,127.0.0.2'}")},
		{"dns_server on no port", oneCluster(good + ", dial: {dns_server: '127.0.0.1:0'}")},
		{"dns_server, any address", oneCluster(good + ", dial: {dns_server: '0.0.0.0:53'}")},
		{"alpn without spiffe_ids", oneCluster(good + ", tls: {alpn: [istio]}")},
		{"alpn without spiffe_ids, whoever of the mesh", oneCluster(good + ", tls: {alpn: [istio], verification: VERIFICATION_CHAIN}")},
		{"alpn that cannot be", oneCluster(good + ", tls: {alpn: ['', " + strings.Repeat("x", 256) + ", istio-peer-exchange, Istio, a, a]}")},
		{"alpn, too many", oneCluster(good + ", tls: {alpn: [" + strings.Repeat("a, ", 17) + "]}")},
		{"alpn of wrong types", oneCluster(good + ", tls: {alpn: istio, spiffe_ids: [7, {exact: x}]}")},
		{"alpn and spiffe_ids in Envoy's words", oneCluster(good + ", tls: {alpn_protocols: [istio], match_typed_subject_alt_names: []}")},
		{"spiffe_ids that cannot be", oneCluster(good + ", tls: {spiffe_ids: [cluster.local/ns/kafka/sa/kafka, 'spiffe://cluster.local', 'spiffe://cluster.local/', 'spiffe://cluster.local/ns/*/sa/kafka', 'spiffe://Cluster.local/a', 'spiffe:///a', 'spiffe://cluster.local/a//b', 'spiffe://cluster.local/a/../b', 'spiffe://cluster.local/a?b', 'spiffe://a/" + strings.Repeat("x", 2048) + "', 'spiffe://a/b', 'spiffe://a/b']}")},
		{"spiffe_ids, too many", oneCluster(good + ", tls: {spiffe_ids: [" + strings.Repeat("'spiffe://a/b', ", 1001) + "]}")},
		{"spiffe_ids beside verification", "upstream_clusters: [{" + good + ", tls: {spiffe_ids: ['spiffe://a/b'], verification: VERIFICATION_NONE}}, {cluster_name: b, bootstrap_servers: b, tls: {spiffe_ids: ['spiffe://a/b'], verification: VERIFICATION_CHAIN}}]\nforwarding_rules: [{target_cluster: a, topic_prefix: a}, {target_cluster: b, topic_prefix: b}]\n"},
		{"files of a workload that are not there yet", oneCluster(good + ", tls: {ca: {filename: /etc/istio/proxy/root-cert.pem}, certificate: {filename: /etc/istio/proxy/cert-chain.pem}, key: {filename: /etc/istio/proxy/key.pem}, alpn: [istio], spiffe_ids: ['spiffe://a/b']}")},
		{"files of a workload that are being replaced", oneCluster(good + ", tls: {ca: {filename: testdata/tls/empty}, certificate: {filename: testdata/tls/certificate.pem}, key: {filename: testdata/tls/other-key.pem}, spiffe_ids: ['spiffe://a/b']}")},
		{"files of a workload, one of which is not named", oneCluster(good + ", tls: {certificate: {filename: /etc/istio/proxy/cert-chain.pem}, key: {inline_string: hush}, spiffe_ids: ['spiffe://a/b']}")},
		{"unmatched_topic not known", advertised("unmatched_topic: RETRY")},
		{"administration.topics not known", advertised("administration: {topics: DELETE}")},
		{"administration.groups that are topics'", advertised("administration: {groups: ACCESS_CREATE}")},
		{"administration that is a word", advertised("administration: ACCESS_ALL")},
		{"authentication that says nothing", advertised("authentication: {}")},
		{"names in certificates, and logins", advertised("authentication: {tls: {from: FROM_URI_SAN}, sasl: {oauthbearer: {jwks_url: 'https://idp/keys', scopes: [a]}}}")},
		{"names in certificates, of none", advertised("authentication: {tls: {}}")},
		{"names in certificates, not known", advertised("authentication: {tls: {from: EMAIL}}")},
		{"TLS with clients, without a certificate", advertised("listen_tls: {}")},
		{"TLS with clients, without a key", advertised("listen_tls: {certificate: {filename: /no/such/file}}")},
		{"TLS with clients, authorities of nobody", advertised("listen_tls: {certificate: {filename: /no/cert}, key: {inline_string: hush-hush}, client_ca: {filename: /no/ca}}")},
		{"TLS with clients who show nothing", advertised("authentication: {tls: {from: FROM_URI_SAN}}\nlisten_tls: {certificate: {filename: /no/cert}, key: {filename: /no/key}, client_crl: {filename: /x}, client_certificate_optional: true}")},
		{"TLS with clients, in broker's words", advertised("listen_tls: {ca: {filename: /x}, cert: /x.pem, verification: NONE}")},
		{"logins without a mechanism", advertised("authentication: {sasl: {}}")},
		{"logins with a password", advertised("authentication: {sasl: {plain: {username: ann, password: hush-hush}, scram: true}}")},
		{"logins without users", advertised("authentication: {sasl: {plain: {}, scram: {sha512: true}}}")},
		{"logins with users of no file", advertised("authentication: {sasl: {scram: {}, users_file: /no/such/file}}")},
		{"logins with users of no use", advertised("authentication: {sasl: {oauthbearer: {jwks_url: 'https://idp/keys', audiences: [kafka]}, users_file: /etc/users, allow_plain_without_tls: yes}}")},
		{"logins with a file that has no users", advertised("authentication: {sasl: {scram: {}, users_file: testdata/cpp.yaml}}")},
		{"clients' tokens of nobody", advertised("authentication: {sasl: {oauthbearer: {}}}")},
		{"tokens, wrong", advertised("authentication: {sasl: {oauthbearer: {jwks_file: /no/such/file, jwks_url: 'ftp://x', audiences: [''], clock_skew_ms: 99999999}, max_reauth_ms: 5}}")},
		{"tokens with a URL that is none", advertised("authentication: {sasl: {oauthbearer: {jwks_url: 'idp/keys', scopes: [a b]}}}")},
		{"tokens with a login", advertised("authentication: {sasl: {oauthbearer: {jwks_url: 'https://ann:hush@idp/keys', scopes: [a]}, max_reauth_ms: 1h}}")},
		{"logins that can be overheard", advertised("authentication: {sasl: {oauthbearer: {jwks_url: 'https://idp/keys', scopes: [a]}, allow_plain_without_tls: true}}")},
		{"verify_upstreams of another type", advertised("verify_upstreams: 'yes'")},
		// Rules.
		{"no rules", "upstream_clusters: [{" + good + "}]\nforwarding_rules: []\n"},
		{"rule to nowhere", twoClusters("{target_cluster: kafka_eats, topic_prefix: a}", "{target_cluster: other, topic_prefix: b}", "{topic_prefix: c}")},
		{"prefix twice", twoClusters("{target_cluster: kafka_east, topic_prefix: a}", "{target_cluster: kafka_west, topic_prefix: a}")},
		{"rule hidden", twoClusters("{target_cluster: kafka_east, topic_prefix: app}", "{target_cluster: kafka_west, topic_prefix: a}", "{target_cluster: kafka_west, topic_prefix: apples}")},
		{"catch-all first", twoClusters(`{target_cluster: kafka_east, topic_prefix: ""}`, "{target_cluster: kafka_west, topic_prefix: a}")},
		{"prefix not set", twoClusters("{target_cluster: kafka_west, topic_prefix: a}", "{target_cluster: kafka_east}")},
		{"prefix of no topic", twoClusters("{target_cluster: kafka_east, topic_prefix: 'apples*'}", "{target_cluster: kafka_west, topic_prefix: "+strings.Repeat("x", 250)+"}")},
		{"rules with the same metrics", twoClusters("{target_cluster: kafka_east, topic_prefix: .a}", `{target_cluster: kafka_west, topic_prefix: _a}`)},
		{"cluster without rule", twoClusters("{target_cluster: kafka_east, topic_prefix: a}")},
		{"rules for one operation", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: a}")},
		{"operations that are none", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_UNSPECIFIED]}", "{target_cluster: kafka_west, topic_prefix: b, operations: [OPERATION_READ, OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: c, operations: []}")},
		{"operations not known", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [READ, produce, 3]}", "{target_cluster: kafka_west, topic_prefix: a, operations: OPERATION_READ}", "{target_cluster: kafka_west, topic_prefix: ab, operation: [OPERATION_READ]}")},
		{"rule of an operation hidden by one of the same", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: a, operations: [OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: ab, operations: [OPERATION_READ]}")},
		{"rule of an operation hidden by one of both", twoClusters("{target_cluster: kafka_east, topic_prefix: a}", "{target_cluster: kafka_west, topic_prefix: ab, operations: [OPERATION_WRITE]}")},
		{"rule hidden by two", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: '', operations: [OPERATION_WRITE]}", "{target_cluster: kafka_west, topic_prefix: a}")},
		{"rule hidden in one of its operations", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_WRITE]}", "{target_cluster: kafka_west, topic_prefix: ab, operations: [OPERATION_READ, OPERATION_WRITE]}")},
		{"rule that is left one operation", twoClusters("{target_cluster: kafka_east, topic_prefix: a, operations: [OPERATION_READ]}", "{target_cluster: kafka_west, topic_prefix: ab}")},
		{"home for want of rules", twoClusters("{target_cluster: kafka_east, topic_prefix: a}") + "default_group_cluster: kafka_west\n"},
		{"home that is not there", twoClusters("{target_cluster: kafka_east, topic_prefix: a}", "{target_cluster: kafka_west, topic_prefix: b}") + "default_group_cluster: kafka_weest\ngroup_rules: [{target_cluster: nowhere, group_prefix: g}, {group_prefix: h}]\n"},
		{"group rules hidden", twoClusters("{target_cluster: kafka_east, topic_prefix: a}") + "group_rules: [{target_cluster: kafka_west, group_prefix: g}, {target_cluster: kafka_east, group_prefix: g}, {target_cluster: kafka_east, group_prefix: gh}]\n"},
		{"group rule for all", twoClusters("{target_cluster: kafka_east, topic_prefix: a}") + "default_group_cluster: kafka_east\ngroup_rules: [{target_cluster: kafka_west}]\n"},
		{"group prefix of no group", twoClusters("{target_cluster: kafka_east, topic_prefix: a}") + "group_rules: [{target_cluster: kafka_west, group_prefix: " + strings.Repeat("x", 32768) + "}, {target_cluster: kafka_west, group_prefix: 'connect*'}]\n"},
		{"group rules in other words", twoClusters("{target_cluster: kafka_east, topic_prefix: a}") + "group_rule: [{target_cluster: kafka_west, topic_prefix: a}]\ndefault_group: kafka_west\ngroup_rules: [{target_cluster: kafka_west, topic_prefix: a}, {cluster: kafka_west, prefix: b}]\n"},
		// Authorization.
		{"authorization", authorized("{name: no-secrets, effect: EFFECT_DENY, principals: ['*'], operations: [OPERATION_ALL], topics: ['secret*']}",
			"{effect: EFFECT_ALLOW, principals: [ann, 'team-*', 'spiffe://cluster.local/ns/*/sa/orders', ANONYMOUS], operations: [OPERATION_READ, OPERATION_WRITE], topics: [orders, 'bills.*'], groups: ['*'], transactional_ids: [t], cluster: false}",
			"{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_CREATE, OPERATION_DESCRIBE], cluster: true}")},
		{"authorization without rules", advertised("authorization: {}")},
		{"authorization of no rules", advertised("authorization: {rules: []}")},
		{"authorization without a value", advertised("authorization:")},
		{"authorization, a list", advertised("authorization: [{effect: EFFECT_ALLOW}]")},
		{"authorization, rules that are no list", advertised("authorization: {rules: {effect: EFFECT_ALLOW}}")},
		{"authorization, an empty rule", authorized("{}")},
		{"authorization, nothing but a name", authorized("{name: a}", "{name: a}")},
		{"authorization, names that cannot be", authorized("{name: 'a b', "+everything, "{name: '7', "+everything, "{name: "+strings.Repeat("a", 65)+", "+everything, "{name: no_rule, "+everything)},
		{"authorization, effects that are none", authorized("{effect: EFFECT_UNSPECIFIED, principals: ['*'], operations: [OPERATION_ALL], topics: ['*']}",
			"{effect: ALLOW, principals: ['*'], operations: [OPERATION_ALL], topics: ['*']}", "{effect: EFFECT_PERMIT, principals: ['*'], operations: [OPERATION_ALL], topics: ['*']}")},
		{"authorization, operations that are none", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [READ, OPERATION_UNSPECIFIED, produce], topics: ['*']}",
			"{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ, OPERATION_READ, OPERATION_ALL], topics: ['*']}", "{effect: EFFECT_ALLOW, principals: ['*'], operations: [], topics: ['*']}",
			"{effect: EFFECT_ALLOW, principals: ['*'], operations: OPERATION_READ, topics: ['*']}")},
		{"authorization, principals that cannot be", authorized("{effect: EFFECT_ALLOW, principals: ['User:ann', 'a*b', '', ann, ann, 'spiffe://*/ns/a/sa/b', 'spiffe://cluster.local', 'spiffe://cluster.local/ns/a*', 'spiffe://cluster.local/ns//sa/b'], operations: [OPERATION_ALL], topics: ['*']}")},
		{"authorization, no principals", authorized("{effect: EFFECT_ALLOW, principals: [], operations: [OPERATION_ALL], topics: ['*']}", "{effect: EFFECT_ALLOW, principals: ann, operations: [OPERATION_ALL], topics: ['*']}")},
		{"authorization, a star without quotes", authorized("{effect: EFFECT_ALLOW, principals: [*], operations: [OPERATION_ALL], topics: ['*']}")},
		{"authorization, topics that cannot be", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_ALL], topics: ['a b', 'a*b', '', .., 'ä*', a, a, " + strings.Repeat("x", 250) + "], groups: [], transactional_ids: ['', " + strings.Repeat("x", 32768) + ", a, a]}")},
		{"authorization, about nothing", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_ALL]}", "{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_ALL], cluster: false}")},
		{"authorization, writing a group", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_WRITE], groups: [g]}")},
		{"authorization, operations for something else", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ, OPERATION_WRITE, OPERATION_ALTER], groups: [g]}",
			"{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_WRITE], topics: [a], groups: [g], cluster: true}", "{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ], transactional_ids: [g]}")},
		{"authorization, a rule hidden", authorized("{name: all, effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_ALL], topics: ['a*']}", "{name: none, effect: EFFECT_DENY, principals: [ann], operations: [OPERATION_READ], topics: [ab, 'ac*']}")},
		{"authorization, a rule hidden by two", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ], topics: ['a*']}", "{name: writes, effect: EFFECT_DENY, principals: ['a*'], operations: [OPERATION_WRITE], topics: ['*']}",
			"{effect: EFFECT_DENY, principals: [ann], operations: [OPERATION_READ, OPERATION_WRITE], topics: [ab]}")},
		{"authorization, a rule hidden behind a mistake", authorized("{}", "{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ], topics: ['a*']}", "{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ], topics: ['a*']}")},
		{"authorization, too many rules", authorized(strings.Repeat("{}, ", 1000) + "{}")},
		{"authorization, too many names", authorized("{effect: EFFECT_ALLOW, principals: ['*'], operations: [OPERATION_READ], topics: [" + strings.Repeat("a, ", 10000) + "]}")},
		{"authorization in other words", authorized("{action: ALLOW, users: [ann], operation: [OPERATION_READ], topic: [a], group: [g], transactional_id: [t], clusters: true, host: x}")},
		{"authorization, as acls", advertised("acls: [{principal: ann}]")},
		// Quotas.
		{"quotas", throttled("{name: admins, principals: ['admin-*'], unlimited: true}", "{principals: ['*'], client_ids: ['batch-*', nightly], produce_bytes_per_second: 1048576, burst_seconds: 10}",
			"{name: all, principals: ['spiffe://cluster.local/ns/*/sa/orders', ANONYMOUS], fetch_bytes_per_second: 1, requests_per_second: 100}")},
		{"quotas without rules", advertised("quotas: {}")},
		{"quotas of no rules", advertised("quotas: {rules: []}")},
		{"quotas without a value", advertised("quotas:")},
		{"quotas, a list", advertised("quotas: [{principals: ['*']}]")},
		{"quotas, an empty rule", throttled("{}")},
		{"quotas, out of range", throttled("{name: 'a b', principals: [ann], produce_bytes_per_second: 0, fetch_bytes_per_second: 1099511627777, requests_per_second: -1, burst_seconds: 3601}")},
		{"quotas, of wrong types", throttled("{principals: ann, client_ids: [1], produce_bytes_per_second: 10MiB, unlimited: 'yes'}")},
		{"quotas, patterns that cannot be", throttled("{principals: ['User:ann', 'a*b'], client_ids: ['', a, a, " + strings.Repeat("x", 129) + "], requests_per_second: 1}")},
		{"quotas, limits nothing", throttled("{name: a, principals: [ann]}", "{name: a, principals: [bob], unlimited: false}")},
		{"quotas, limited and unlimited", throttled("{principals: [ann], unlimited: true, requests_per_second: 1}", "{principals: [bob], unlimited: true, burst_seconds: 1}")},
		{"quotas, a rule hidden", throttled("{name: all, principals: ['*'], requests_per_second: 1}", "{name: one, principals: [ann], client_ids: [a], unlimited: true}")},
		{"quotas, a rule hidden by two", throttled("{principals: ['*'], client_ids: ['a*'], requests_per_second: 1}", "{name: b, principals: ['a*'], client_ids: ['b*'], requests_per_second: 1}",
			"{principals: [ann], client_ids: [ab, ba], requests_per_second: 1}")},
		{"quotas, no rule is hidden", throttled("{principals: ['*'], client_ids: ['a*'], requests_per_second: 1}", "{principals: [ann], requests_per_second: 1}", "{principals: ['*'], requests_per_second: 1}")},
		{"quotas, too many rules", throttled(strings.Repeat("{}, ", 1000) + "{}")},
		{"quotas, too many names", throttled("{principals: [" + strings.Repeat("a, ", 10000) + "a]}")},
		{"quotas in other words", advertised("throttling: {rules: [{principals: [ann]}]}") + "quota: {rules: [{users: [ann], producer_byte_rate: 1, consumer_byte_rate: 1, client_id: [a], requests: 1, burst: 5}]}\n"},
		// Limits.
		{"limits too low", advertised("limits: {max_request_bytes: 0, max_in_flight_requests_per_connection: 0, max_in_flight_bytes_per_connection: -1, max_in_flight_bytes_per_worker: 1, partial_request_timeout_ms: 999, connections_max_idle_ms: 999}")},
		{"limits too high", advertised("limits: {max_request_bytes: 1073741825, max_in_flight_requests_per_connection: 1000001, max_in_flight_bytes_per_connection: 1099511627777, max_in_flight_bytes_per_worker: 1099511627777, partial_request_timeout_ms: 3600001}")},
		{"limits of wrong types", advertised("limits: {max_request_bytes: 1MiB, max_in_flight_bytes_per_worker: [1], partial_request_timeout_ms: 1.5}")},
		{"limits no mapping", advertised("limits: 7")},
		{"limits misspelt", advertised("limits: {max_request_byte: 1024, request_timeout: 1}")},
		{"limits that exclude each other", advertised("limits: {max_in_flight_bytes_per_worker: 67108864}")},
		{"limit without effect", advertised("limits: {max_in_flight_bytes_per_connection: 268435457}")},
		{"limits of identities", advertised("limits: {max_identities_per_worker: 0, identities_max_idle_ms: 999}")},
		// Who clusters see clients as.
		{"identity without authentication", oneCluster("cluster_name: a, bootstrap_servers: a, identity: {client_id: {}}")},
		{"identity that says nothing", oneCluster("cluster_name: a, bootstrap_servers: a, identity: {}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity of two kinds", oneCluster("cluster_name: a, bootstrap_servers: a, identity: {client_id: {}, mapped: {credentials_file: testdata/credentials}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity mapped without authentication", oneCluster("cluster_name: a, bootstrap_servers: a, " + scram + ", identity: {mapped: {credentials_file: testdata/credentials}}")},
		{"identity mapped without sasl", oneCluster("cluster_name: a, bootstrap_servers: a, identity: {mapped: {credentials_file: testdata/credentials}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity mapped with another login", oneCluster("cluster_name: a, bootstrap_servers: a, sasl: {mechanism: MECHANISM_OAUTHBEARER, oauth: {token_file: testdata/credentials}}, identity: {mapped: {credentials_file: testdata/credentials}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity mapped without a file", oneCluster("cluster_name: a, bootstrap_servers: a, "+scram+", identity: {mapped: {}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity mapped, no such file", oneCluster("cluster_name: a, bootstrap_servers: a, "+scram+", identity: {mapped: {credentials_file: testdata/nobody}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity mapped, mistakes in the file", oneCluster("cluster_name: a, bootstrap_servers: a, "+scram+", identity: {mapped: {credentials_file: testdata/credentials-wrong}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity, a text", oneCluster("cluster_name: a, bootstrap_servers: a, identity: client_id") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		{"identity in other words", oneCluster("cluster_name: a, bootstrap_servers: a, identity: {client.id: {}}") + "authentication: {tls: {from: FROM_DNS_SAN}}\n"},
		// Who runs it.
		{"admin without address", advertised("admin: {}")},
		{"admin, an address alone", advertised("admin: 127.0.0.1:9990")},
		{"admin of wrong types", advertised("admin: {address: 9990, readiness: all, pprof: 'yes', port: 9990}")},
		{"admin without port", advertised("admin: {address: 127.0.0.1}")},
		{"admin without port, IPv6", advertised("admin: {address: '[::1]'}")},
		{"admin without host", advertised("admin: {address: ':9990'}")},
		{"admin on port 0", advertised("admin: {address: 127.0.0.1:0}")},
		{"admin, a URL", advertised("admin: {address: 'http://joe:hush@127.0.0.1:9990/metrics'}")},
		{"admin, IPv6 without brackets", advertised("admin: {address: '::1:9990'}")},
		{"admin for everybody", advertised("admin: {address: 0.0.0.0:9990, readiness: READINESS_ANY}")},
		{"admin for everybody, with profiles", advertised("admin: {address: '[::]:9990', pprof: true}")},
		{"admin on loopback addresses", advertised("admin: {address: '[::1]:9990', readiness: READINESS_ALL}")},
		{"access_log without path", advertised("access_log: {}")},
		{"access_log without path, and what has no effect then", advertised("access_log: {failures: true}")},
		{"access_log, a path alone", advertised("access_log: /dev/stderr")},
		{"access_log in no folder", advertised("access_log: {path: /nowhere/at/all/access.log}")},
		{"access_log, a folder", advertised("access_log: {path: testdata}")},
		{"access_log below a file", advertised("access_log: {path: testdata/cpp.yaml/access.log}")},
		{"access_log out of range", advertised("access_log: {path: /dev/stderr, slower_than_ms: 0, share: 1.5}")},
		{"access_log, a negative share", advertised("access_log: {path: /dev/stderr, share: -0.1}")},
		{"access_log of wrong types", advertised("access_log: {path: /dev/stderr, failures: 1, slower_than_ms: 1s, share: 5%}")},
		{"access_log, a share that is no number", advertised("access_log: {path: /dev/stderr, share: some}")},
		{"access_log of nothing", advertised("access_log: {path: /dev/stderr, share: 0}")},
		{"access_log of everything and more", advertised("access_log: {path: /dev/stderr, share: 1, failures: true}")},
		{"topic_metrics that cannot be", advertised("topic_metrics: [apples, 'apples*', '', .., apples, " + strings.Repeat("a", 250) + "]")},
		{"topic_metrics of the same names", advertised("topic_metrics: [a., a_]")},
		{"topic_metrics of wrong types", advertised("topic_metrics: [a, 7, {name: a}, null]")},
		{"topic_metrics, no list", advertised("topic_metrics: a")},
		{"topic_metrics without a rule", advertised("topic_metrics: [bananas]")},
		{"too many topic_metrics", advertised("topic_metrics: [" + strings.Repeat("a, ", 1001) + "]")},
		{"open_telemetry without endpoint", advertised("open_telemetry: {}")},
		{"open_telemetry, an address", advertised("open_telemetry: {endpoint: 127.0.0.1:4318}")},
		{"open_telemetry, gRPC", advertised("open_telemetry: {endpoint: 'grpc://collector:4317'}")},
		{"open_telemetry, a login in the URL", advertised("open_telemetry: {endpoint: 'https://joe:hush@collector'}")},
		{"open_telemetry, a query", advertised("open_telemetry: {endpoint: 'https://collector/?token=hush'}")},
		{"open_telemetry out of range", advertised("open_telemetry: {endpoint: 'https://collector', interval_ms: 1}")},
		{"open_telemetry, headers", advertised("open_telemetry: {endpoint: 'https://collector', headers: [{}, {name: 'api key', value: {inline_string: hush}}, " +
			"{name: a, value: {filename: hush}}, {name: A, value: {inline_string: \"hush\\nhush\"}}, {name: Content-Type, value: {environment_variable: KAFKAMESH_TEST_NOT_SET}}, {name: b, value: {}}]}")},
		{"open_telemetry, a mapping of headers", advertised("open_telemetry: {endpoint: 'https://collector', headers: {authorization: hush}}")},
		{"open_telemetry, headers of wrong types", advertised("open_telemetry: {endpoint: 'https://collector', headers: ['authorization: hush', {name: authorization, value: hush}, {authorization: hush}]}")},
		{"open_telemetry in plain text", advertised("open_telemetry: {endpoint: 'http://collector:4318', headers: [{name: authorization, value: {inline_string: hush}}], ca: {filename: testdata/tls/ca.pem}}")},
		{"open_telemetry, files of other kinds", advertised("open_telemetry: {endpoint: 'https://collector:4318', ca: {filename: testdata/tls/text.pem}}")},
		// All at once.
		{"a synonym beside its field", "clusters: []\n" + oneCluster("cluster_name: a, name: b, bootstrap_servers: 'a:x', acks: all") + "bootstrap_servers: b\n"},
		{"fields in other places", "username: {}\nacks: all\n" + oneCluster("cluster_name: a, bootstrap_servers: a, mechanism: MECHANISM_PLAIN, limits: {}, sasl: {ca: {filename: x}}")},
		{"JSON, fields in other places", `{"bootstrap_servers": "a", "upstream_clusters": [{"cluster_name": "a"}, {"cluster_name": "b"}], "forwarding_rules": [{"target_cluster": "a", "topic_prefix": ""}]}`},
		{"what stands around it", "filter_config: {upstream_clusters: []}\nlisten: 0.0.0.0:9092\n" + oneCluster(good)},
		{"all at once", "advertised_host: 0.0.0.0\nupstream_clusters: [{cluster_name: a, bootstrap_servers: 'a:x', partition_count: -1, producer_config: {acks: 5}}, {cluster_name: a}]\nforwarding_rules: [{target_cluster: b, topic_prefix: a}, {target_cluster: a, topic_prefix: a}]\n"},
	}
}

func binaryCases(tb testing.TB) []messageCase {
	tb.Helper()
	mode := cppMessage(tb)
	mode.ConsumerProxyMode = 3
	unknown := protowire.AppendVarint(protowire.AppendTag(marshal(tb, cppMessage(tb)), 199, protowire.VarintType), 1)
	inside := cppMessage(tb)
	inside.UpstreamClusters[1].ProtoReflect().SetUnknown(
		protowire.AppendString(protowire.AppendTag(nil, 9, protowire.BytesType), "x"))
	inside.Limits = &kafkameshv1.Limits{}
	inside.Limits.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 50, protowire.VarintType), 1))
	inside.ForwardingRules[0].ProtoReflect().SetUnknown(
		protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1))
	authorizing := cppMessage(tb)
	authorizing.Authorization = &kafkameshv1.Authorization{Rules: []*kafkameshv1.AuthorizationRule{
		{Effect: 7, Principals: []string{""}, Operations: []kafkameshv1.AuthorizationRule_Operation{99, 0}, Topics: []string{"a"}}, {},
	}}
	operated := cppMessage(tb)
	share, slow := math.NaN(), int32(-1)
	operated.Admin = &kafkameshv1.Admin{Address: "127.0.0.1:9990", Readiness: 9}
	operated.AccessLog = &kafkameshv1.AccessLog{Path: "/dev/stderr", Share: &share, SlowerThanMs: &slow}
	broken := marshal(tb, cppMessage(tb))
	return []messageCase{
		{"binary: unknown mode number", string(marshal(tb, mode))},
		{"binary: unknown field number", string(unknown)},
		{"binary: unknown field number inside", string(marshal(tb, inside))},
		{"binary: no numbers", string(marshal(tb, operated))},
		{"binary: authorization", string(marshal(tb, authorizing))},
		{"binary: cut short", string(broken[:len(broken)-1])},
		{"binary: not UTF-8", "advertised_host: caf\xe9\n"},
		{"binary: hidden rule", string(marshal(tb, &kafkameshv1.KafkaMesh{
			UpstreamClusters: []*kafkameshv1.KafkaClusterDefinition{{ClusterName: "a", BootstrapServers: "a"}},
			ForwardingRules:  []*kafkameshv1.ForwardingRule{rule("a", "a"), rule("a", "ab")},
		}))},
		{"TypedStruct of another type", string(typedStruct(tb, "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo", []byte("{}")))},
		{"TypedStruct without a value", string(typedStruct(tb, "type.googleapis.com/kafkamesh.v1.KafkaMesh", []byte("{}")))},
		{"TypedStruct without a type, unknown field inside", string(typedStruct(tb, "", []byte(`{"upstream_clusters": [{"cluster_name": "a", "bootstrap_servers": "a", "dail": {}}]}`)))},
		{"TypedStruct, unknown field", string(typedStruct(tb, "type.googleapis.com/kafkamesh.v1.KafkaMesh", []byte(`{"advertised_hots": "x"}`)))},
	}
}
