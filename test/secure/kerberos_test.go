package secure

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const realm = "MESH.TEST"

// kdc is a Kerberos realm of its own: MIT's server, with a database in a folder.
type kdc struct {
	parts, dir, config string
	environment        []string
}

// TestKerberosLogsIn logs in by GSSAPI, with a keytab and with a ticket that somebody else got, and with a key that is wrong.
func TestKerberosLogsIn(t *testing.T) {
	t.Parallel()
	k := startKDC(t)
	client, other := k.keytab(t, "mesh"), k.keytab(t, "other")
	kafka := k.kafka(t, nil)
	tickets := filepath.Join(k.dir, "tickets")
	k.run(t, "usr/bin/kinit", "-c", tickets, "-k", "-t", client, "mesh@"+realm)
	m := start(t,
		stack.MeshCluster{Name: "keytab", Bootstrap: kafka.Listener("SASL"), SASL: k.login(map[string]any{"principal": "mesh@" + realm, "keytab": client})},
		stack.MeshCluster{Name: "tickets", Bootstrap: kafka.Listener("SASL"), SASL: k.login(map[string]any{"ticket_cache": tickets})},
		stack.MeshCluster{Name: "wrongkey", Bootstrap: kafka.Listener("SASL"), SASL: k.login(map[string]any{"principal": "mesh@" + realm, "keytab": other})},
	)
	for _, way := range []string{"keytab", "tickets"} {
		if err := m.produce(t, way+"-a", 20); err != nil {
			t.Fatalf("%s: %v; the log:\n%s", way, err, m.Log())
		}
		verify(t, kafka, way+"-a", 20)
	}
	m.wantLog(t, "cluster=wrongkey")
}

// TestMappedByKeytabs has two principals be two users of Kerberos by their keytabs: a real Kafka's authorizer lets each write to its own topic,
// and not to the other's, also when the file exchanges them.
func TestMappedByKeytabs(t *testing.T) {
	t.Parallel()
	k := startKDC(t)
	kafka := k.kafka(t, map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
	})
	fruit, vegetables := k.keytab(t, "fruit"), k.keytab(t, "vegetables/market")
	tokens, err := startTokenServer(clientSecret) // clients' logins name one
	check(t, err)
	t.Cleanup(tokens.close)
	b := &broker{KafkaCluster: kafka, tokens: tokens}
	topics := [2]string{"keytabs-a", "keytabs-b"}
	stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topics[:]...)
	for n, user := range [2]string{"fruit", "vegetables"} { // the broker's rules leave the first part of a principal
		allow(t, b, user, topics[n], kmsg.ACLOperationWrite)
	}
	c := stack.MeshCluster{Bootstrap: kafka.Listener("SASL"), SASL: k.login(map[string]any{"principal": "mesh@" + realm, "keytab": k.keytab(t, "mesh")})}
	lines := func(first, second string) []string {
		return []string{first + " fruit@" + realm + " " + fruit, second + " vegetables/market " + vegetables}
	}
	c = mappedTo(t, c, "keytabs", lines("mesh", "other")...)
	i := withLogins(t, b, c)
	i.file = c.Identity["mapped"].(map[string]any)["credentials_file"].(string)
	for _, of := range [][2]string{{"mesh", "other"}, {"other", "mesh"}} {
		i.write(lines(of[0], of[1])...)
		for n, principal := range of {
			c := i.client(principal)
			stack.Wait(t, "the broker to let "+principal+" write to "+topics[n], func() error { return i.send(c, topics[n], "0") })
			if err := i.send(i.client(principal), topics[1-n], "x"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("%s writes to %s: %v, want TOPIC_AUTHORIZATION_FAILED", principal, topics[1-n], err)
			}
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", i.mesh.Log())
	}
}

func startKDC(t *testing.T) *kdc {
	t.Helper()
	parts, err := stack.Kerberos(t.Context())
	stack.Check(t, err)
	addr := stack.Addr(t)
	k := &kdc{parts: parts, dir: t.TempDir()}
	k.config = filepath.Join(k.dir, "krb5.conf")
	profile := filepath.Join(k.dir, "kdc.conf")
	write(t, k.config, fmt.Appendf(nil, `[libdefaults]
 default_realm = %[1]s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 %[1]s = {
  kdc = %[2]s
 }
`, realm, addr))
	write(t, profile, fmt.Appendf(nil, `[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = %[2]s
[realms]
 %[1]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
 }
[dbmodules]
 db_module_dir = %[4]s/libraries/krb5/plugins/kdb
`, realm, addr, k.dir, parts))
	k.environment = append(os.Environ(),
		"KRB5_CONFIG="+k.config, "KRB5_KDC_PROFILE="+profile, "LD_LIBRARY_PATH="+filepath.Join(parts, "libraries"))
	k.run(t, "usr/sbin/kdb5_util", "create", "-s", "-r", realm, "-P", "hush-the-master")
	server := exec.Command(filepath.Join(parts, "usr/sbin/krb5kdc"), "-n", "-r", realm, "-P", filepath.Join(k.dir, "pid"))
	server.Env = k.environment
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	check(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // killed
		if t.Failed() {
			t.Logf("the KDC's log:\n%s", &log)
		}
	})
	check(t, stack.WaitDial(t.Context(), addr))
	return k
}

// keytab makes a principal and a file with its key.
func (k *kdc) keytab(t *testing.T, principal string) string {
	t.Helper()
	file := filepath.Join(k.dir, strings.ReplaceAll(principal, "/", "-")+".keytab")
	k.run(t, "usr/sbin/kadmin.local", "-r", realm, "-q", "addprinc -randkey "+principal)
	k.run(t, "usr/sbin/kadmin.local", "-r", realm, "-q", "ktadd -k "+file+" "+principal)
	return file
}

// kafka starts a broker whose listener SASL logs clients in by GSSAPI.
func (k *kdc) kafka(t *testing.T, properties map[string]string) *stack.KafkaCluster {
	t.Helper()
	all := map[string]string{
		"sasl.enabled.mechanisms": "GSSAPI", "sasl.kerberos.service.name": "kafka",
		"listener.name.sasl.gssapi.sasl.jaas.config": "com.sun.security.auth.module.Krb5LoginModule required " +
			`useKeyTab=true storeKey=true keyTab="` + k.keytab(t, "kafka/127.0.0.1") + `" principal="kafka/127.0.0.1@` + realm + `";`,
	}
	maps.Copy(all, properties)
	return stack.Kafka(t, stack.KafkaOptions{
		Version: os.Getenv("SECURE_KAFKA"), Listeners: map[string]string{"SASL": "SASL_PLAINTEXT"}, Properties: all,
		JVM: []string{"-Djava.security.krb5.conf=" + k.config},
	})
}

// login is a cluster's login by GSSAPI.
func (k *kdc) login(kerberos map[string]any) map[string]any {
	kerberos["config"] = k.config
	return map[string]any{"mechanism": "MECHANISM_GSSAPI", "kerberos": kerberos}
}

func (k *kdc) run(t *testing.T, tool string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(k.parts, tool), args...)
	cmd.Env = k.environment
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
}
