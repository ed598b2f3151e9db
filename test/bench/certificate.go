package main

import (
	"os"
	"path/filepath"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// The certificate of the sinks with TLS, its key, and who has signed it, in the run's folder.
const (
	certificateFile = "certificate.pem"
	keyFile         = "key.pem"
	authorityFile   = "authority.pem"
)

func writeCertificate(dir string) error {
	ca, err := authority.New("bench-authority")
	if err != nil {
		return err
	}
	leaf, err := ca.Issue("bench", []string{"127.0.0.1", "localhost"}, nil)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{certificateFile: leaf.Certificate, keyFile: leaf.Key, authorityFile: ca.PEM} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
