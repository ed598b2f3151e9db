package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// scram is a cluster's login that can be others' too.
const scram = "sasl: {mechanism: MECHANISM_SCRAM_SHA_512, username: {inline_string: mesh}, password: {inline_string: hush}}"

// Who a cluster sees clients as, where it is known who they are.
func TestIdentity(t *testing.T) {
	t.Parallel()
	const authentication = "authentication: {tls: {from: FROM_URI_SAN}}\n"
	path := filepath.Join(t.TempDir(), "credentials")
	for given, want := range map[string]struct {
		identity config.Identity
		file     string
		mode     os.FileMode
	}{
		"":                            {config.MeshIdentity, "", 0o600},
		", identity: {client_id: {}}": {config.ClientIDIdentity, "", 0o600},
		", " + scram + ", identity: {mapped: {credentials_file: " + path + "}}": {config.MappedIdentity, path, 0o600},
		", " + scram + ", identity: {mapped: {credentialsFile: " + path + "}}":  {config.MappedIdentity, path, 0o644},
	} {
		if err := os.WriteFile(path, []byte("alice a hush\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, want.mode); err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse([]byte(oneCluster("cluster_name: a, bootstrap_servers: a"+given) + authentication))
		if err != nil || c.Clusters[0].Identity != want.identity || c.Clusters[0].CredentialsFile != want.file {
			t.Errorf("%q: %v, %+v", given, err, c)
			continue
		}
		warned := false
		for _, w := range c.Warnings {
			warned = warned || strings.Contains(w.Error(), "identity.mapped.credentials_file: "+path+" can be read by everybody")
		}
		if warned != (want.mode == 0o644) {
			t.Errorf("%q: warnings %v", given, c.Warnings)
		}
	}
}
