package hosttest

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// clientID is in the header of what all clients send.
const clientID = "hosttest"

// client is a connection to the mesh.
type client struct{ *rawkafka.Client }

func (m *mesh) dial(t *testing.T) client {
	t.Helper()
	return client{rawkafka.Connect(t, m.addr, clientID)}
}

// hello sees that somebody else is served.
func (m *mesh) hello(t *testing.T) {
	t.Helper()
	c := m.dial(t)
	c.Ask(rawkafka.Metadata(topic))
	_ = c.Close()
}

func apiVersions(id int32) []byte {
	return rawkafka.Frame(clientID, id, rawkafka.APIVersions(clientID, "1"))
}

func metadata(id int32, name string) []byte {
	return rawkafka.Frame(clientID, id, rawkafka.Metadata(name))
}

func produce(id int32) []byte {
	return wiretest.ProduceFrame(9, id, clientID, topic, wiretest.Batch{Records: wiretest.Records(1, 10)}.Bytes())
}
