package broker

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// An id stands for the topic of the cluster that it is read from, and for none any more when the topic has been made anew.
func TestTopicIDs(t *testing.T) {
	t.Parallel()
	var ids topicIDs
	isRead := func(cluster string) func(string) bool {
		return func(topic string) bool { return (topic == "apples") == (cluster == "c1") }
	}
	learn := func(cluster, name string, id byte) {
		ids.learn(cluster, []wire.Topic{{Name: name, ID: [16]byte{id}}}, isRead(cluster))
	}
	want := func(what string, id byte, cluster, name string) {
		t.Helper()
		topics := []wire.FetchTopic{{ID: [16]byte{id}}}
		ids.name(topics)
		if got := ids.cluster([16]byte{id}); got != cluster || topics[0].Name != name {
			t.Errorf("%s: id %d is %q of %q, want %q of %q", what, id, topics[0].Name, got, name, cluster)
		}
	}
	learn("c2", "apples", 1) // a copy of the other cluster's
	want("a copy", 1, "", "")
	learn("c1", "apples", 1)
	want("the one that is read", 1, "c1", "apples")
	learn("c2", "apples", 1)
	want("the copy again", 1, "c1", "apples")
	learn("c1", "apples", 2)
	want("made anew, the old id", 1, "", "")
	want("made anew", 2, "c1", "apples")
}
