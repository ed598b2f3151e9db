package filter

import (
	"fmt"
	"strconv"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// Seen is who a cluster sees a principal as, for those who look at a configuration.
type Seen struct {
	// Settings are what the cluster is reached with.
	Settings upstream.Settings
	// User is whom ACLs have to name, in words, and By how that is known; empty: by nothing that is configured.
	User, By string
	// Refused is why the principal is nobody there. Empty: it is somebody.
	Refused string
}

// SeenAs is who a cluster sees a principal as; empty: the mesh's own user. It reads the file of credentials, which the configuration has been
// checked with.
func SeenAs(c config.Cluster, principal string) Seen {
	if c.Identity == config.MeshIdentity || principal == "" {
		return Seen{Settings: UpstreamSettings(c), User: ours}
	}
	if c.Identity == config.ClientIDIdentity {
		return SeenBy(nil, c, principal)
	}
	file, err := credential.Open(c.CredentialsFile, c.Dial, nil, nil, nil)
	if err != nil {
		return Seen{Refused: err.Error()}
	}
	return SeenBy(file, c, principal)
}

// ours is whom ACLs have to name where a cluster is not told who clients are.
const ours = "the mesh's user"

// SeenBy is who a cluster sees a principal as by a file of credentials; nil: by its client id.
func SeenBy(file *credential.File, c config.Cluster, principal string) Seen {
	switch of := partOf(file, principal); {
	case of.why != "":
		return Seen{Refused: of.why}
	case file == nil:
		s := of.settings(&c, file)
		return Seen{Settings: s, User: ours, By: "by the client id " + strconv.Quote(s.ClientID) + ", beside the mesh's user"}
	case of.principal == "":
		return Seen{Settings: of.settings(&c, file), User: "the user of @default", By: "as the user of @default in " + c.CredentialsFile}
	default:
		return Seen{Settings: of.settings(&c, file), User: fmt.Sprintf("the user of %q", principal), By: "as a user of its own, by " + c.CredentialsFile}
	}
}
