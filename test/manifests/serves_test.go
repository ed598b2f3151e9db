package manifests

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestPodsServe starts what the Deployments start: probes are content, and each record gets into the cluster of its topic.
func TestPodsServe(t *testing.T) {
	t.Parallel()
	const values = "examples/helm/kafka-mesh/ci/envoy-values.yaml"
	binary := template(t, chartOf(values), values, "--set", "host=standalone,image.repository=registry.example.com/kafkamesh")
	for _, f := range []text{madeBy(t, "kustomize build examples/kubernetes/base"), {"the chart with the plain binary", binary}} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			clusters := map[string]*stack.FakeCluster{"kafka_c1": stack.Fake(t, stack.FakeOptions{}), "kafka_c2": stack.Fake(t, stack.FakeOptions{})}
			brokers := map[string]string{}
			for name, c := range clusters {
				brokers[name] = c.Addr()
			}
			p := startPod(t, f, t.TempDir(), brokers)
			p.wantProbes(t)
			producer := p.client(t, nil)
			for topic, cluster := range map[string]string{"apples.red": "kafka_c1", "bananas": "kafka_c2"} {
				stack.Check(t, producer.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr())
				consumer := stack.Client(t, clusters[cluster].Addr(), kgo.ConsumeTopics(topic))
				if fetched := consumer.PollFetches(t.Context()); fetched.Err() != nil || fetched.NumRecords() == 0 {
					t.Errorf("%s is not in %s: %v", topic, cluster, fetched.Err())
				}
			}
			p.wantOrderlyEnd(t)
		})
	}
}

// TestCertificateIsReplaced replaces the certificate for clients as the kubelet does when a Secret has changed, while Envoy runs.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	ca, err := authority.New("authority")
	stack.Check(t, err)
	const values = "examples/helm/kafka-mesh/ci/tls-values.yaml"
	for _, f := range []text{madeBy(t, "kustomize build examples/kubernetes/overlays/tls"), {"the chart with TLS", template(t, chartOf(values), values)}} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			fake := stack.Fake(t, stack.FakeOptions{})
			root := t.TempDir()
			s := &secret{ca: ca, dir: filepath.Join(root, "etc/kafka-mesh/tls")}
			first := s.update(t)
			p := startPod(t, f, root, map[string]string{"kafka_c1": fake.Addr(), "kafka_c2": fake.Addr()})
			p.wantProbes(t)
			producer := p.client(t, func(conn net.Conn) net.Conn { return tls.Client(conn, s.client()) })
			stack.Check(t, producer.ProduceSync(t.Context(), &kgo.Record{Topic: "apples", Value: []byte("x")}).FirstErr())
			if got := s.served(t, p); got.Cmp(first) != 0 {
				t.Errorf("the certificate is %d, want %d", got, first)
			}
			second := s.update(t)
			stack.Wait(t, "the new certificate", func() error {
				if s.served(t, p).Cmp(second) != 0 {
					return errors.New("it is still the old one")
				}
				return nil
			})
			p.wantOrderlyEnd(t)
		})
	}
}

// madeBy is the text of a name.
func madeBy(t *testing.T, name string) text {
	t.Helper()
	all := kustomized(t)
	i := slices.IndexFunc(all, func(f text) bool { return f.name == name })
	if i < 0 {
		t.Fatalf("there is no %s", name)
	}
	return all[i]
}

// secret is a Secret with a certificate, as the kubelet mounts it: its files are links through a link that is replaced.
type secret struct {
	ca  *authority.Authority
	dir string
	n   int
}

// update puts a new certificate into the folder, and gives its serial number.
func (s *secret) update(t *testing.T) (serial *big.Int) {
	t.Helper()
	leaf, err := s.ca.Issue("kafka-mesh", []string{"kafka-mesh.kafka-mesh.svc"}, func(c *x509.Certificate) { serial = c.SerialNumber })
	stack.Check(t, err)
	s.n++
	fresh := "..version-" + strconv.Itoa(s.n)
	stack.Check(t, os.MkdirAll(filepath.Join(s.dir, fresh), 0o755))
	for name, content := range map[string][]byte{"tls.crt": leaf.Certificate, "tls.key": leaf.Key} {
		stack.Check(t, os.WriteFile(filepath.Join(s.dir, fresh, name), content, 0o600))
		if s.n == 1 {
			stack.Check(t, os.Symlink(filepath.Join("..data", name), filepath.Join(s.dir, name)))
		}
	}
	stack.Check(t, os.Symlink(fresh, filepath.Join(s.dir, "..data_tmp")))
	stack.Check(t, os.Rename(filepath.Join(s.dir, "..data_tmp"), filepath.Join(s.dir, "..data")))
	return serial
}

// client is what a client has to know to believe the certificate.
func (s *secret) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.Certificate)
	return &tls.Config{RootCAs: roots, ServerName: "kafka-mesh.kafka-mesh.svc"}
}

// served is the serial number of the certificate that the pod shows.
func (s *secret) served(t *testing.T, p *pod) *big.Int {
	t.Helper()
	conn, err := tls.Dial("tcp", p.addr, s.client())
	stack.Check(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber
}
