package load_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// asked is a broker that clients have to log in at.
func asked(t *testing.T, password string) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", load.User, password), kfake.SeedTopics(3, "a"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// Clients log in before they produce, or do nothing but that; who has another password fails.
func TestLogins(t *testing.T) {
	t.Parallel()
	right, wrong := asked(t, load.Password), asked(t, "another")
	for name, j := range map[string]load.Job{
		"frames":    {Client: load.Frames, Acks: -1, InFlight: 5},
		"newcomers": {Client: load.Newcomers, Rate: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j.LogsIn, j.Clients, j.BatchBytes, j.RecordBytes, j.Partitions = true, 3, 4<<10, 1<<10, 3
			j.WarmUp, j.Measure = 50*time.Millisecond, 100*time.Millisecond
			j.To = []load.Destination{{Addr: right, Topic: "a"}}
			var got load.Result
			for got.Batches == 0 && t.Context().Err() == nil { // on a loaded machine there may be none in time
				var err error
				if got, err = load.Run(t.Context(), &j, func() {}); err != nil {
					t.Fatal(err)
				}
				j.Measure *= 2
			}
			j.To[0].Addr = wrong
			if _, err := load.Run(t.Context(), &j, func() {}); err == nil || !strings.Contains(err.Error(), "SASLAuthenticate") {
				t.Errorf("with a wrong password: %v", err)
			}
		})
	}
}
