package wire_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// TestNewerVersionsAreDecidedOn fails when kmsg learns a version of an API that nobody has decided about: serve it, or
// say in docs/protocol.md why not, and write it down here.
func TestNewerVersionsAreDecidedOn(t *testing.T) {
	t.Parallel()
	decided := map[wire.APIKey]int16{
		wire.KeyProduce:         13, // names topics by id: ids of several clusters behind one facade say nothing
		wire.KeyFetch:           18, // consumers are not served; 12 is flexible, 13 names topics by id
		wire.KeyMetadata:        13, // 13 is for clients that bootstrap anew (KIP-1102); there is one broker here
		wire.KeyFindCoordinator: 6,  // groups and transactions are not served
		wire.KeyApiVersions:     5,  // 5 names the cluster and node that the client thinks it talks to (KIP-1242)
		wire.KeyInitProducerID:  5,  // 6 is for two-phase commit (KIP-939); kmsg does not know it
	}
	for _, api := range wire.APIs() {
		known := kmsg.RequestForKey(int16(api.Key)).MaxVersion()
		if known != decided[api.Key] {
			t.Errorf("kmsg knows %s up to version %d, decided about is %d", api.Name, known, decided[api.Key])
		}
	}
}
