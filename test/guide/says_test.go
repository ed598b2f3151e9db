package guide

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const troubleshooting = "docs/troubleshooting.md"

// situation is something that does not work, as a section of docs/troubleshooting.md has it.
type situation struct {
	name string
	said func(c clients, m *meshes) map[string]string
	log  func(m *meshes) *stack.Process // whose log the section quotes
}

func situations() []situation {
	ours := func(m *meshes) *stack.Process { return m.envoy.Process }
	forUsers := func(m *meshes) *stack.Process { return m.users.Process }
	return []situation{
		{"no rule", func(c clients, m *meshes) map[string]string { return c.send(m.addr, "dates") }, ours},
		{"administrator", func(c clients, m *meshes) map[string]string { return c.create(m.addr, "apples-new") }, ours},
		{"denied", func(c clients, m *meshes) map[string]string { return c.send(m.addr, "apples-private") }, ours},
		{"unreachable", func(c clients, m *meshes) map[string]string { return c.send(m.addr, "down") }, ours},
		{"wrong login", func(c clients, m *meshes) map[string]string { return c.send(m.addr, "secret") }, ours},
		{"advertised", func(c clients, m *meshes) map[string]string { return c.send(m.elsewhere.addr, "apples") }, nil},
		{"no topic", func(c clients, m *meshes) map[string]string { return c.send(m.addr, "fixed-topic") }, nil},
		{"login", func(c clients, m *meshes) map[string]string {
			return c.sendWith(m.addr, []string{
				"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN",
				`sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";`,
			}, []string{"security.protocol=sasl_plaintext", "sasl.mechanisms=PLAIN", "sasl.username=a", "sasl.password=b"})
		}, ours},
		{"no login", func(c clients, m *meshes) map[string]string { return c.sendWith(m.users.addr, nil, nil) }, forUsers},
		{"wrong password", func(c clients, m *meshes) map[string]string {
			return c.sendWith(m.users.addr, scramLogin("another-password"), login("PLAIN", "another-password"))
		}, forUsers},
		{"old librdkafka", func(c clients, m *meshes) map[string]string {
			said := c.sendWith(m.old.addr, scramLogin(password), login("SCRAM-SHA-512", password))
			if text := said[java]; strings.Contains(text, "ERROR") {
				c.t.Errorf("Java, with the same password, says\n%s", text)
			}
			return map[string]string{kcat: said[kcat]}
		}, func(m *meshes) *stack.Process { return m.old.Process }},
		{"TLS to plain", func(c clients, m *meshes) map[string]string {
			return c.sendWith(m.addr, []string{"security.protocol=SSL"}, []string{"security.protocol=ssl"})
		}, ours},
		{"plain to TLS", func(c clients, m *meshes) map[string]string { return c.sendWith(m.tls, nil, nil) }, nil},
		{"transactions", func(c clients, m *meshes) map[string]string {
			return map[string]string{confluent: c.transaction(m.addr)}
		}, ours},
	}
}

// login is what a client of librdkafka logs in by.
func login(mechanism, secret string) []string {
	return []string{"security.protocol=sasl_plaintext", "sasl.mechanisms=" + mechanism, "sasl.username=" + userName, "sasl.password=" + secret}
}

// scramLogin is what Java logs in by.
func scramLogin(secret string) []string {
	return []string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512", fmt.Sprintf(
		"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q;", userName, secret)}
}

// transaction has a client of Python begin one.
func (c clients) transaction(addr string) string {
	c.t.Helper()
	const program = `import sys, confluent_kafka
confluent_kafka.Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "payments"}).init_transactions(10)`
	return c.run("", []string{"PYTHONPATH=" + c.installed("python")}, "python3", "-c", program, addr)
}

// meshes are those that the clients talk to.
type meshes struct {
	addr, tls string
	envoy     *stack.EnvoyProcess
	elsewhere struct{ addr string } // tells clients an address that nobody listens on
	users     *userMesh
	old       *userMesh // for old clients alone, since a log has one line a minute for a client's software
}

// userMesh has clients log in.
type userMesh struct {
	*stack.StandaloneProcess

	addr string
}

// startMeshes starts an Envoy with a listener in front of clusters of all kinds, and one with TLS; and a plain binary that advertises
// the wrong address.
func startMeshes(t *testing.T) *meshes {
	t.Helper()
	open := stack.Fake(t, stack.FakeOptions{})
	fixed, err := kfake.NewCluster(kfake.Ports(0), kfake.NumBrokers(1))
	stack.Check(t, err)
	t.Cleanup(fixed.Close)
	secret := stack.Kafka(t, stack.KafkaOptions{
		Listeners: map[string]string{"SASL": "SASL_PLAINTEXT"},
		Format:    []string{"--add-scram", "SCRAM-SHA-512=[name=" + userName + ",password=" + password + "]"},
		Properties: map[string]string{
			"sasl.enabled.mechanisms":                           "SCRAM-SHA-512",
			"listener.name.sasl.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		},
	})
	text := func(s string) map[string]any { return map[string]any{"inline_string": s} }
	everything, all := []string{"*"}, []string{"OPERATION_ALL"}
	m := &meshes{addr: stack.Addr(t), tls: stack.Addr(t)}
	mesh := stack.Mesh{
		Addr: m.addr,
		Clusters: []stack.MeshCluster{
			{Name: "orders", Bootstrap: open.Addr()},
			{Name: "down", Bootstrap: "127.0.0.1:1"},
			{Name: "fixed", Bootstrap: fixed.ListenAddrs()[0]},
			{Name: "secret", Bootstrap: secret.Listener("SASL"), SASL: map[string]any{
				"mechanism": "MECHANISM_SCRAM_SHA_512", "username": text(userName), "password": text("another-password"),
			}},
		},
		Rules: []stack.MeshRule{{Cluster: "orders", Prefix: "apples"}, {Cluster: "down", Prefix: "down"}, {Cluster: "fixed", Prefix: "fixed"}, {Cluster: "secret", Prefix: "secret"}},
		Authorized: []map[string]any{
			{"name": "no-private", "effect": "EFFECT_DENY", "principals": everything, "operations": all, "topics": []string{"apples-private*"}},
			{
				"effect": "EFFECT_ALLOW", "principals": everything, "operations": all,
				"topics": everything, "groups": everything, "transactional_ids": everything, "cluster": true,
			},
		},
	}
	config, err := mesh.Config()
	stack.Check(t, err)
	bootstrap, err := mesh.Bootstrap()
	stack.Check(t, err)
	m.envoy = stack.Envoy(t, stack.EnvoyOptions{Config: bootstrap + "  - " + encrypted(t, stack.Listener(m.tls, stack.AsStruct(config))) + "\n"})

	wrong := mesh
	wrong.Addr, wrong.Text = stack.Addr(t), strings.Replace(config, `"advertised_port":`+m.addr[strings.LastIndex(m.addr, ":")+1:], `"advertised_port":1`, 1)
	stack.Standalone(t, &wrong)
	m.elsewhere.addr = wrong.Addr

	mesh.Authorized = nil
	mesh.Logins = map[string]any{"scram": map[string]any{}, "plain": map[string]any{}, "allow_plain_without_tls": true, "users_file": usersFile(t, userName)}
	m.users, m.old = startUsers(t, mesh), startUsers(t, mesh)
	return m
}

// startUsers starts a plain binary.
func startUsers(t *testing.T, mesh stack.Mesh) *userMesh {
	t.Helper()
	mesh.Addr = stack.Addr(t)
	return &userMesh{stack.Standalone(t, &mesh), mesh.Addr}
}

// usersFile has one user, whom the plain binary adds with options.
func usersFile(t *testing.T, name string, options ...string) string {
	t.Helper()
	binary, err := stack.Binary()
	stack.Check(t, err)
	path := filepath.Join(t.TempDir(), "users")
	add := exec.CommandContext(t.Context(), binary, append([]string{"user", "add", path, name}, options...)...)
	add.Stdin = strings.NewReader(password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// encrypted is a listener whose only filter chain has TLS.
func encrypted(t *testing.T, listener string) string {
	t.Helper()
	ca, err := authority.New("ca")
	stack.Check(t, err)
	leaf, err := ca.Issue("envoy", []string{"127.0.0.1"}, nil)
	stack.Check(t, err)
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "certificate"), filepath.Join(dir, "key")
	stack.Check(t, os.WriteFile(certificate, leaf.Certificate, 0o600))
	stack.Check(t, os.WriteFile(key, leaf.Key, 0o600))
	tls := fmt.Sprintf(`filter_chains: [{transport_socket: {name: envoy.transport_sockets.tls, typed_config: {
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext,
    common_tls_context: {tls_certificates: [{certificate_chain: {filename: %s}, private_key: {filename: %s}}]}}}, `, certificate, key)
	listener = strings.Replace(listener, "{name: kafka,", "{name: kafka_tls,", 1)
	return strings.Replace(listener, "filter_chains: [{", tls, 1)
}

// TestTroubleshooting has each client run into each situation, and looks for what docs/troubleshooting.md says that it says.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	_, err := stack.Binary()
	stack.Check(t, err)
	m := startMeshes(t)
	all := sayings(t)
	untried := maps.Clone(all)
	for _, s := range situations() {
		delete(untried, s.name)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			quoted, ok := all[s.name]
			if !ok {
				t.Fatalf("%s has no table of it", troubleshooting)
			}
			s.compare(t, quoted, m)
		})
	}
	for name := range untried {
		t.Errorf("%s has a table of %q, which is not tried", troubleshooting, name)
	}
}

// compare looks for what is quoted in what clients say, and in a mesh's log.
func (s situation) compare(t *testing.T, quoted saying, m *meshes) {
	t.Helper()
	said := s.said(clients{t}, m)
	if got, want := slices.Sorted(maps.Keys(quoted.rows)), slices.Sorted(maps.Keys(said)); !slices.Equal(got, want) {
		t.Errorf("the table has rows of %v, want %v", got, want)
	}
	for client, texts := range quoted.rows {
		for _, text := range texts {
			if !printed(text).MatchString(spaces.ReplaceAllString(said[client], " ")) {
				t.Errorf("%s does not say\n%s\nbut\n%s", client, text, stack.Tail(said[client]))
			}
		}
	}
	for _, line := range quoted.logged {
		if s.log == nil {
			t.Fatalf("nobody's log has %q", line)
		}
		stack.Wait(t, "the log to have "+line, func() error {
			if log := s.log(m).Log(); !printed(line).MatchString(log) {
				return fmt.Errorf("it is\n%s", stack.Tail(log))
			}
			return nil
		})
	}
}

// saying is what a section quotes.
type saying struct {
	rows   map[string][]string // of clients
	logged []string
}

var (
	said     = regexp.MustCompile(`(?m)^<!-- said: (.*) -->\n((?:\|.*\n)+)`)
	spans    = regexp.MustCompile("`([^`]+)`")
	fewCells = 2
)

// sayings reads the tables and log lines of the document.
func sayings(t *testing.T) map[string]saying {
	t.Helper()
	raw, err := os.ReadFile(top(t, troubleshooting))
	stack.Check(t, err)
	all := map[string]saying{}
	for _, table := range said.FindAllStringSubmatch(string(raw), -1) {
		s := saying{rows: map[string][]string{}}
		for i, row := range strings.Split(strings.TrimSpace(table[2]), "\n") {
			cells := strings.SplitN(strings.Trim(row, "| "), " | ", fewCells)
			if i < fewCells { // the head
				continue
			}
			for _, span := range spans.FindAllStringSubmatch(cells[1], -1) {
				s.rows[cells[0]] = append(s.rows[cells[0]], span[1])
			}
		}
		all[table[1]] = s
	}
	for _, b := range document.Blocks(t, top(t, ""), troubleshooting) {
		if kind, about := b.Kind(); kind == "logged" {
			s := all[about]
			s.logged = strings.Split(strings.TrimSpace(b.Text), "\n")
			all[about] = s
		}
	}
	return all
}
