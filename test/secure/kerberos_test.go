package secure

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	broker, client, other := k.keytab(t, "kafka/127.0.0.1"), k.keytab(t, "mesh"), k.keytab(t, "other")
	kafka := stack.Kafka(t, stack.KafkaOptions{
		Version:   os.Getenv("SECURE_KAFKA"),
		Listeners: map[string]string{"SASL": "SASL_PLAINTEXT"},
		Properties: map[string]string{
			"sasl.enabled.mechanisms": "GSSAPI", "sasl.kerberos.service.name": "kafka",
			"listener.name.sasl.gssapi.sasl.jaas.config": "com.sun.security.auth.module.Krb5LoginModule required " +
				`useKeyTab=true storeKey=true keyTab="` + broker + `" principal="kafka/127.0.0.1@` + realm + `";`,
		},
		JVM: []string{"-Djava.security.krb5.conf=" + k.config},
	})
	tickets := filepath.Join(k.dir, "tickets")
	k.run(t, "usr/bin/kinit", "-c", tickets, "-k", "-t", client, "mesh@"+realm)
	kerberos := func(more map[string]any) map[string]any {
		more["config"] = k.config
		return map[string]any{"mechanism": "MECHANISM_GSSAPI", "kerberos": more}
	}
	m := start(t,
		stack.MeshCluster{Name: "keytab", Bootstrap: kafka.Listener("SASL"), SASL: kerberos(map[string]any{"principal": "mesh@" + realm, "keytab": client})},
		stack.MeshCluster{Name: "tickets", Bootstrap: kafka.Listener("SASL"), SASL: kerberos(map[string]any{"ticket_cache": tickets})},
		stack.MeshCluster{Name: "wrongkey", Bootstrap: kafka.Listener("SASL"), SASL: kerberos(map[string]any{"principal": "mesh@" + realm, "keytab": other})},
	)
	for _, way := range []string{"keytab", "tickets"} {
		if err := m.produce(t, way+"-a", 20); err != nil {
			t.Fatalf("%s: %v; the log:\n%s", way, err, m.Log())
		}
		verify(t, kafka, way+"-a", 20)
	}
	m.wantLog(t, "cluster=wrongkey")
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

func (k *kdc) run(t *testing.T, tool string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(k.parts, tool), args...)
	cmd.Env = k.environment
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
}
