//go:build overlaid

package filter_test

import (
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// downTime is longer than a lane refuses batches after its connection was lost.
const downTime = time.Second

// overlaidPlaces are parsers and encoders, and whether a client's connection outlives a panic there.
var overlaidPlaces = map[string]bool{
	"framer": false, "header": false, "request": false, "check": false, "response": false, "answer": true,
	"results": true,
}

// TestOverlaid is what TestParserPanics runs with parsers that panic on the name of their place. A client whose request has such a
// name pays with its connection, or, where a broker's answer is read, with that request; others are served.
func TestOverlaid(t *testing.T) {
	t.Parallel()
	for place, survives := range overlaidPlaces {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			withMesh(t, twoClusters, func(m *mesh) {
				bystander := m.connect()
				bystander.session.Data(produce(1, "apples"))
				bystander.wantAnswers(1)
				records := wiretest.Batch{Records: []wiretest.Record{{Value: []byte("PANIC-" + place)}}}.Bytes()
				victim := m.connect()
				for id := range int32(3) {
					victim.session.Data(wiretest.ProduceFrame(9, id, "PANIC-"+place, "apples", records))
				}
				if got := victim.isClosed(); got == survives {
					t.Errorf("the connection is closed: %t", got)
				}
				if n := m.metric("panics_recovered"); n == 0 {
					t.Error("the panic was not counted, or did not happen")
				}
				if survives {
					victim.wantAnswers(0, 1, 2)
				}
				bystander.session.Data(produce(2, "bananas"))
				bystander.wantAnswers(1, 2)
				bubble.Advance(downTime)
				bystander.session.Data(produce(3, "apples"))
				bystander.wantAnswers(1, 2, 3)
			})
		})
	}
}
