//go:build onrequest

package manifests

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// server is an API server of Kubernetes with its etcd, and no more: nothing makes Pods of Deployments, and no kubelet runs them. One
// goroutine may use it.
type server struct {
	url    string
	client *http.Client
	paths  map[string]string // where resources are, by the version of their API and their kind; %s is the namespace
}

// token is the administrator's.
const token = "administrator"

// startServer starts one until the test ends, which knows all custom resources whose definitions are to be had.
func startServer(t *testing.T) *server {
	t.Helper()
	dir := judges(t)
	ca, err := authority.New("authority")
	stack.Check(t, err)
	leaf, err := ca.Issue("server", []string{"127.0.0.1"}, nil)
	stack.Check(t, err)
	work := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(work, name)
		stack.Check(t, os.WriteFile(name, []byte(content), 0o600))
		return name
	}
	etcd, addr := stack.Addr(t), stack.Addr(t)
	certificate, key := file("certificate", string(leaf.Certificate)), file("key", string(leaf.Key))
	runServer(t, etcd, exec.Command(filepath.Join(dir, "bin/etcd"), "--data-dir", filepath.Join(work, "etcd"), "--log-level", "warn",
		"--listen-client-urls", "http://"+etcd, "--advertise-client-urls", "http://"+etcd, "--listen-peer-urls", "http://"+stack.Addr(t)))
	_, port, err := net.SplitHostPort(addr)
	stack.Check(t, err)
	runServer(t, addr, exec.Command(filepath.Join(dir, "bin/kube-apiserver"), "--etcd-servers", "http://"+etcd, "--service-cluster-ip-range", "10.0.0.0/24",
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none", "--secure-port", port,
		"--tls-cert-file", certificate, "--tls-private-key-file", key, "--authorization-mode", "RBAC",
		"--token-auth-file", file("tokens", token+",administrator,1,system:masters\n"), "--service-account-issuer", "https://issuer.example.com",
		"--service-account-key-file", certificate, "--service-account-signing-key-file", key))
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	s := &server{"https://" + addr, &http.Client{Transport: transport}, map[string]string{}}
	stack.Wait(t, "the API server to be ready", func() error { return s.read(t.Context(), "/readyz?verbose", nil) })
	s.define(t, tool(t, "crds"))
	s.define(t, filepath.Join(dir, "crds"))
	return s
}

// runServer runs a program that listens at an address until the test ends.
func runServer(t *testing.T, addr string, cmd *exec.Cmd) {
	t.Helper()
	p, err := stack.Start(t.Context(), filepath.Base(cmd.Path), cmd, addr)
	stack.Check(t, err)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), stack.Tail(p.Log()))
		}
	})
}

// define has the server know the custom resources that are defined in the files of a folder.
func (s *server) define(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	stack.Check(t, err)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		stack.Check(t, err)
		for _, p := range parts(t, text{name, string(raw)}) {
			stack.Check(t, s.create(t.Context(), p, false))
			for _, v := range list(p.content, "spec", "versions") { // others than definitions have none
				if at(v, "served") != true {
					continue
				}
				path := fmt.Sprintf("/apis/%s/%s/%s", word(p.content, "spec", "group"), word(v, "name"), word(p.content, "spec", "names", "plural"))
				stack.Wait(t, path, func() error { return s.read(t.Context(), path, nil) })
			}
		}
	}
}

// create has the server make what a document describes or, if it is dry, do all of that but store it. The server is told to be strict, and
// what it warns of is an error in a dry run.
func (s *server) create(ctx context.Context, p part, dry bool) error {
	path, err := s.path(ctx, word(p.content, "apiVersion"), word(p.content, "kind"))
	if err != nil {
		return err
	}
	path = strings.ReplaceAll(path, "%s", p.namespace()) + "?fieldValidation=Strict"
	if dry {
		path += "&dryRun=All"
	}
	warnings, _, err := s.ask(ctx, http.MethodPost, path, p.raw)
	if err == nil && dry && len(warnings) > 0 {
		err = fmt.Errorf("the server warns: %q", warnings)
	}
	return err
}

// path is where resources of a kind are.
func (s *server) path(ctx context.Context, version, kind string) (string, error) {
	key := version + " " + kind
	if s.paths[key] != "" {
		return s.paths[key], nil
	}
	root := "/apis/" + version
	if version == "v1" {
		root = "/api/v1"
	}
	var all struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
		}
	}
	if err := s.read(ctx, root, &all); err != nil {
		return "", err
	}
	for _, r := range all.Resources {
		if r.Kind != kind || strings.Contains(r.Name, "/") {
			continue
		}
		s.paths[key] = root + "/" + r.Name
		if r.Namespaced {
			s.paths[key] = root + "/namespaces/%s/" + r.Name
		}
		return s.paths[key], nil
	}
	return "", fmt.Errorf("the server knows no %s of %s", kind, version)
}

// read gets what is at a path, into a value unless that is nil.
func (s *server) read(ctx context.Context, path string, into any) error {
	_, body, err := s.ask(ctx, http.MethodGet, path, "")
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// ask sends a request, and gives what the server warns of and the body of its answer.
func (s *server) ask(ctx context.Context, method, path, content string) (warnings []string, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(content))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/yaml")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		return nil, nil, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		var status struct{ Message string }
		_ = json.Unmarshal(body, &status) // another answer has no message
		return nil, nil, fmt.Errorf("%s: %s", response.Status, status.Message)
	}
	return response.Header.Values("Warning"), body, nil
}
