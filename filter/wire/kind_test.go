package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	for key, want := range map[wire.APIKey]wire.Kind{
		0: wire.Producers, 18: wire.Producers, 2: wire.Consumers, 10: wire.Consumers, 14: wire.Consumers, 19: wire.Administrators,
		16: wire.Administrators, 17: wire.Logins, 36: wire.Logins, 26: wire.Transactions, 4: wire.Others, 72: wire.Others,
		-1: wire.Others, 28525: wire.Others,
	} {
		if got := key.Kind(); got != want {
			t.Errorf("%s is for %s, want %s", key, got, want)
		}
	}
	for _, api := range served.APIs() {
		if k := api.Key.Kind(); k == wire.Others { // logins are, where the configuration says so
			t.Errorf("%s is served, and for %s", api.Name, k)
		}
	}
	for _, k := range wire.RefusedKinds() {
		if k == wire.Producers || k.String() == "unknown" {
			t.Errorf("%d is a kind that is refused: %s", k, k)
		}
	}
}

// What clients do not ask for, but brokers and controllers, and what is not decided yet, is for others.
func TestOthers(t *testing.T) {
	t.Parallel()
	others := []kmsg.Key{
		kmsg.LeaderAndISR, kmsg.StopReplica, kmsg.UpdateMetadata, kmsg.ControlledShutdown, kmsg.WriteTxnMarkers, kmsg.Vote,
		kmsg.BeginQuorumEpoch, kmsg.EndQuorumEpoch, kmsg.AlterPartition, kmsg.Envelope, kmsg.FetchSnapshot, kmsg.BrokerRegistration,
		kmsg.BrokerHeartbeat, kmsg.AllocateProducerIDs, kmsg.ControllerRegistration, kmsg.GetTelemetrySubscriptions, kmsg.PushTelemetry,
		kmsg.AssignReplicasToDirs, kmsg.UpdateRaftVoter, kmsg.InitializeShareGroupState, kmsg.ReadShareGroupState,
		kmsg.WriteShareGroupState, kmsg.DeleteShareGroupState, kmsg.ReadShareGroupStateSummary,
		kmsg.StreamsGroupTopologyDescriptionUpdate, kmsg.UnregisterController,
	}
	for key := range wire.APIKey(kmsg.MaxKey + 1) {
		if got, want := key.Kind() == wire.Others, slices.Contains(others, kmsg.Key(key)); got != want {
			t.Errorf("%s is for %s: decide who asks for it", key, key.Kind())
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, frame string
		want        bool
	}{
		{"PLAIN", "\x00alice\x00secret", true},
		{"PLAIN for another", "bob\x00alice\x00secret", true},
		{"PLAIN, whose name is an API", "\x00A\x00\xc3\xa4secret", true},
		{"SCRAM", "n,,n=alice,r=abcdef", true},
		{"OAUTHBEARER", "n,,\x01auth=Bearer abc\x01\x01", true},
		{"empty", "", false},
		{"no password", "\x00alice\x00", false},
		{"no name", "\x00\x00secret", false},
		{"three names", "\x00alice\x00secret\x00more", false},
		{"a handshake", "\x00\x11\x00\x01\x00\x00\x00\x01\x00\x01a\x00\x05PLAIN", false},
		{"AlterConfigs", "\x00!\x00\x02\x00\x00\x00\x01\x00\x01a\x00\x01\x00", false},
		{"long", "\x00alice\x00" + string(make([]byte, 1<<16)), false},
	} {
		if got := wire.IsToken([]byte(tt.frame)); got != tt.want {
			t.Errorf("%s: IsToken = %t, want %t", tt.name, got, tt.want)
		}
		h, _, err := served.ParseHeader([]byte(tt.frame))
		if tt.want && (err == nil || h.ClientID != nil || h.Key.Kind() != wire.Logins) {
			t.Errorf("%s: header %+v, %v; want one of a login, without what is in it", tt.name, h, err)
		}
	}
}

// A name that begins with the letter that is a served API's key, and is followed by what could be a client id's length, tells nothing either.
func TestTokenThatBeginsAsARequest(t *testing.T) {
	t.Parallel()
	for _, shape := range wire.Shapes() {
		if shape.Key < ' ' {
			continue // not of a name
		}
		table := wire.NewTable(wire.API{Shape: shape, Max: 99})
		first := string(rune(shape.Key))
		for _, token := range []string{
			"\x00" + first + "eliver\x00" + "0" + strings.Repeat("s3cret", 20), "\x00" + first + "an\x00hush-hush", "\x00" + first + "\x00hush-hush",
			"\x00" + first + "\x00h", "\x00" + first + "nnnnn\x00h",
		} {
			h, body, err := table.ParseHeader([]byte(token))
			if want := (wire.Header{Key: wire.KeySaslAuthenticate}); !cmp.Equal(h, want) || body != nil || err == nil {
				t.Errorf("%s, %q: %+v, %q, %v; want %+v and an error", shape.Name, token, h, body, err, want)
			}
		}
		strange := "\x00" + first + "an\x00xyz\x00\x05hush\nand more" // is no PLAIN: the password has a control character
		if h, _, err := table.ParseHeader([]byte(strange)); h.ClientID != nil || err == nil {
			t.Errorf("%s, %q: client id %q, %v; want none and an error", shape.Name, strange, h.ClientID, err)
		}
	}
}
