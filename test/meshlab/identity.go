package meshlab

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Mesh issues the certificates of a mesh.
type Mesh struct{ authority *authority.Authority }

// NewMesh makes one.
func NewMesh() (*Mesh, error) {
	a, err := authority.New("cluster.local")
	return &Mesh{a}, err
}

// Identity is a workload's: a SPIFFE id, and a folder with the certificate that proves it, in files named as pilot-agent names them
// with OUTPUT_CERTS.
type Identity struct {
	ID, Dir string
	// End is when the certificate ends that was issued last.
	End time.Time

	mesh *Mesh
}

// Files of an identity.
const (
	keyFile   = "key.pem"
	chainFile = "cert-chain.pem"
	rootFile  = "root-cert.pem"

	secretFile = "secret.yaml"
)

// Life is how long certificates last that nobody looks at the end of.
const Life = time.Hour

// Identity issues the first certificate of the workload of a service account, into dir, for so long.
func (m *Mesh) Identity(dir, namespace, account string, life time.Duration) (*Identity, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	i := &Identity{ID: SPIFFE(namespace, account), Dir: dir, mesh: m}
	for _, step := range i.Rotation(life) {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return i, i.put(secretFile, fmt.Appendf(nil, secret, dir, chainFile, dir, keyFile, dir))
}

// secret is what Envoys are told of the certificate, as by SDS: they look at the files again when the folder changes.
const secret = `resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: default
  tls_certificate:
    certificate_chain: {filename: %s/%s}
    private_key: {filename: %s/%s}
    watched_directory: {path: %s}
`

// SPIFFE is the id of a service account.
func SPIFFE(namespace, account string) string {
	return fmt.Sprintf("spiffe://cluster.local/ns/%s/sa/%s", namespace, account)
}

// Rotation replaces the certificate in steps, a file each, in pilot-agent's order: between them key and certificate do not match.
func (i *Identity) Rotation(life time.Duration) []func() error {
	var leaf *authority.Leaf
	put := func(file string, content *[]byte) func() error {
		return func() error { return i.put(file, *content) }
	}
	var key, chain []byte
	root := i.mesh.authority.PEM
	return []func() error{
		func() (err error) {
			id, err := url.Parse(i.ID)
			if err != nil {
				return err
			}
			leaf, err = i.mesh.authority.Issue("", nil, func(c *x509.Certificate) {
				c.URIs, c.NotAfter = []*url.URL{id}, time.Now().Add(life)
				i.End = c.NotAfter
			})
			if err != nil {
				return err
			}
			key, chain = leaf.Key, leaf.Certificate
			return i.put(keyFile, key)
		},
		put(chainFile, &chain),
		put(rootFile, &root),
	}
}

// put replaces a file, for everybody to read.
func (i *Identity) put(name string, content []byte) error {
	file := filepath.Join(i.Dir, name)
	if err := stack.ReplaceFile(file, content); err != nil {
		return err
	}
	return os.Chmod(file, 0o644)
}
