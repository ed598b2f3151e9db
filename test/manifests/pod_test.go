package manifests

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// pod is what a kubelet would start of a Deployment, without what isolates it: the command, environment, configuration and probes of its
// only container. Ports and brokers are those of the test.
type pod struct {
	*stack.Process

	container  map[string]any
	dir        string // the root of its files
	advertised string // what its clients are told
	addr       string // where it listens for them
	admin      string
}

// startPod starts the pod of the Deployment among manifests, in front of brokers: a cluster's address by its name. root is where its file
// system is, and what is mounted besides its configuration may be.
func startPod(t *testing.T, f text, root string, brokers map[string]string) *pod {
	t.Helper()
	p := &pod{dir: root, addr: stack.Addr(t), admin: stack.Addr(t)}
	var spec, data map[string]any
	for _, d := range documents(t, f) {
		switch word(d, "kind") {
		case "Deployment":
			spec = at(d, "spec", "template", "spec").(map[string]any)
		case "ConfigMap":
			data = at(d, "data").(map[string]any)
		}
	}
	p.container = list(spec, "containers")[0].(map[string]any)
	config := slices.IndexFunc(list(p.container, "volumeMounts"), func(m any) bool { return word(m, "name") == "config" })
	folder := word(list(p.container, "volumeMounts")[config], "mountPath")
	for name := range data {
		p.write(t, filepath.Join(folder, name), p.configure(t, word(data, name), brokers))
	}
	var args []string
	for _, arg := range list(p.container, "args") {
		args = append(args, strings.ReplaceAll(strings.ReplaceAll(arg.(string), folder+"/", p.dir+folder+"/"), "0.0.0.0:9092", p.addr))
	}
	var err error
	p.Process, err = stack.Start(t.Context(), f.name, p.command(t, args), p.addr)
	stack.Check(t, err)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return p
}

// command is what the container's image runs.
func (p *pod) command(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	binary, err := stack.Binary()
	if strings.Contains(word(p.container, "image"), "/envoy-kafka-mesh:") {
		binary, err = stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	}
	stack.Check(t, err)
	modules, err := stack.ModuleDir()
	stack.Check(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+modules) // which the image sets
	for _, e := range list(p.container, "env") {
		cmd.Env = append(cmd.Env, word(e, "name")+"="+word(e, "value"))
	}
	return cmd
}

// configure has a file of the configuration name what the test has in place of what a cluster has.
func (p *pod) configure(t *testing.T, content string, brokers map[string]string) string {
	t.Helper()
	var root map[string]any
	stack.Check(t, yaml.Unmarshal([]byte(content), &root))
	for _, listener := range list(root, "static_resources", "listeners") {
		p.listen(t, at(listener, "address", "socket_address").(map[string]any), "kafka", p.addr)
		delete(root, "admin") // Envoy's own, which no probe asks
	}
	for _, m := range mappings(root, "", func(string, map[string]any) bool { return false }) {
		if m["upstream_clusters"] == nil {
			continue
		}
		p.advertised = word(m, "advertised_host") + ":" + number(m["advertised_port"])
		for _, c := range list(m, "upstream_clusters") {
			c.(map[string]any)["bootstrap_servers"] = brokers[word(c, "cluster_name")]
		}
		admin := at(m, "admin").(map[string]any)
		if port := p.port(t, "admin"); admin["address"] != "0.0.0.0:"+port {
			t.Errorf("the admin listener is at %s, and the container's port is %s", admin["address"], port)
		}
		admin["address"] = p.admin
	}
	raw, err := json.Marshal(root)
	stack.Check(t, err)
	return aFile.ReplaceAllStringFunc(string(raw), func(name string) string { return p.dir + name })
}

// listen moves a listener that is at the container's port of a name.
func (p *pod) listen(t *testing.T, address map[string]any, name, to string) {
	t.Helper()
	if port := p.port(t, name); word(address, "address") != "0.0.0.0" || number(address["port_value"]) != port {
		t.Errorf("the listener is at %v, and the container's port %s is %s", address, name, port)
	}
	host, port, err := net.SplitHostPort(to)
	stack.Check(t, err)
	address["address"], address["port_value"] = host, json.Number(port)
}

// port is the container's port of a name.
func (p *pod) port(t *testing.T, name string) string {
	t.Helper()
	for _, c := range list(p.container, "ports") {
		if word(c, "name") == name {
			return number(at(c, "containerPort"))
		}
	}
	t.Fatalf("the container has no port %s", name)
	return ""
}

func (p *pod) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(p.dir, name)
	stack.Check(t, os.MkdirAll(filepath.Dir(file), 0o755))
	stack.Check(t, os.WriteFile(file, []byte(content), 0o600))
}

// wantProbes waits until the container's probes are content, and then wants metrics where Prometheus is told that they are.
func (p *pod) wantProbes(t *testing.T) {
	t.Helper()
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		get := at(p.container, probe, "httpGet")
		if word(get, "port") != "admin" {
			t.Fatalf("%s asks port %s", probe, word(get, "port"))
		}
		stack.Wait(t, probe, func() error {
			_, err := stack.Page(t.Context(), http.MethodGet, "http://"+p.admin+word(get, "path"))
			return err
		})
	}
	page, err := stack.Page(t.Context(), http.MethodGet, "http://"+p.admin+"/metrics")
	if err != nil || !strings.Contains(page, "\nkafkamesh_") && !strings.Contains(page, "\nenvoy_kafkamesh_") {
		t.Errorf("/metrics: %v\n%s", err, page)
	}
}

// client connects as a client in a cluster does: to the advertised address, which leads to the pod. Any other would lead past the Service.
func (p *pod) client(t *testing.T, wrap func(net.Conn) net.Conn) *kgo.Client {
	t.Helper()
	return stack.Client(t, p.advertised, kgo.AllowAutoTopicCreation(), kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != p.advertised {
			return nil, fmt.Errorf("a client is told %s, not %s", addr, p.advertised)
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, p.addr)
		if err == nil && wrap != nil {
			conn = wrap(conn)
		}
		return conn, err
	}))
}

// wantOrderlyEnd ends the pod as a kubelet does.
func (p *pod) wantOrderlyEnd(t *testing.T) {
	t.Helper()
	if p.Stop(); p.ExitCode() != 0 {
		t.Errorf("it ended so: %s", p.Ending())
	}
}
