package meshlab

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"net/http"
	"text/template"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

//go:embed testdata/*.yaml
var templates embed.FS

// Sidecar is what an Envoy in a pod is told.
type Sidecar struct {
	// Template is one of testdata: broker, sidecar, own or gateway.
	Template string
	Identity *Identity
	Pod      *Pod
	// Brokers are the pods of brokers, which a sidecar has a listener for each of, if Headless says so, as for a headless Service.
	Brokers  []*Pod
	Headless bool
	// Service has a sidecar listen for the address of a Service that is not headless, which leads to any of the brokers.
	Service bool
	// HTTP has that listener take what it gets for HTTP, as with appProtocol: http.
	HTTP bool
	// Permissive has a broker's sidecar take plaintext too.
	Permissive bool
	// Mesh is the configuration of a Kafka mesh on 127.0.0.1:19092; empty: there is none.
	Mesh string
	// Egress is where a socket for re-entry leads: mesh, to the sidecar's own listeners (W2), or cluster, to a cluster with workload
	// certificates (W2b); empty: there is none.
	Egress string
	// User is whose process it is.
	User int
	// AdminPort is where it is asked whether it is live; 15000 if 0.
	AdminPort int
}

// Admin is the port of its admin interface.
func (s *Sidecar) Admin() int { return cmp.Or(s.AdminPort, 15000) }

// BrokerIdentity is who the brokers are.
func (s *Sidecar) BrokerIdentity() string { return SPIFFE("kafka", "kafka") }

// ServiceIP is the address of the Service that is not headless.
func (s *Sidecar) ServiceIP() string { return serviceIP }

// serviceIP is outside of the pods' network, as Services are.
const serviceIP = "10.96.0.10"

// Envoy is a running Envoy in a pod.
type Envoy struct {
	*stack.EnvoyProcess

	pod  *Pod
	port int
}

// Start starts an Envoy in its pod and waits until it is live.
func (s *Sidecar) Start(ctx context.Context) (*Envoy, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	e := &Envoy{pod: s.Pod, port: s.Admin()}
	err = s.Pod.run(func() (err error) {
		e.EnvoyProcess, err = stack.LaunchEnvoy(ctx, stack.EnvoyOptions{Config: config, Concurrency: 1, User: s.User})
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stack.StartTimeout)
	defer cancel()
	if err := e.waitLive(ctx); err != nil {
		e.Close()
		return nil, fmt.Errorf("%s: %w\n%s", s.Pod.Name, err, e.Log())
	}
	return e, nil
}

// config is the bootstrap.
func (s *Sidecar) config() (string, error) {
	t, err := template.ParseFS(templates, "testdata/*.yaml")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, s.Template+".yaml", s)
	return b.String(), err
}

func (e *Envoy) waitLive(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DialContext: e.pod.Dial, DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/ready", e.port), nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Envoy does not become live: %w", err)
		case <-e.Done():
			return fmt.Errorf("Envoy has ended with %d", e.ExitCode())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
