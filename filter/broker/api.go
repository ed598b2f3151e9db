package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// API is one API that clients are served. All that there is to say of it stands in one file, named by its key: what ParseHeader
// lets pass, ApiVersions lists and docs/protocol.md has in its table comes from here. Its metric has the name of its shape.
type API struct {
	// API are its shape, which has the key and the name, and the versions that are served.
	wire.API
	// Decided is the newest version that anybody has decided about, served or not. A test fails when there is a newer one.
	Decided int16
	// Short is what docs/protocol.md says of it in the table of APIs.
	Short string
	// Query says that a few bytes can ask for a large answer: a session lets only few of them wait.
	Query bool
	// Login says that it is served only where clients log in.
	Login bool
	// Laborious says whether a request takes longer than the goroutine that brings it should be kept. Nil: if its body is long.
	Laborious func(c *Call) bool
	// Serve does for one request what Broker.Serve says.
	Serve func(b *Broker, c *Call) error
}

// Served lists what clients are served where they log in, or do not.
func Served(logins bool) []API {
	return slices.DeleteFunc(APIs(), func(a API) bool { return a.Login && !logins })
}

// APIs lists what clients are served, wherever. A new API is a file like the others and its name here.
func APIs() []API {
	return []API{
		produceAPI(),
		fetchAPI(),
		listOffsetsAPI(),
		metadataAPI(),
		offsetCommitAPI(),
		offsetFetchAPI(),
		findCoordinatorAPI(),
		joinGroupAPI(),
		heartbeatAPI(),
		leaveGroupAPI(),
		syncGroupAPI(),
		describeGroupsAPI(),
		listGroupsAPI(),
		saslHandshakeAPI(),
		apiVersionsAPI(),
		createTopicsAPI(),
		deleteTopicsAPI(),
		deleteRecordsAPI(),
		initProducerIDAPI(),
		offsetForLeaderEpochAPI(),
		describeConfigsAPI(),
		alterConfigsAPI(),
		saslAuthenticateAPI(),
		createPartitionsAPI(),
		deleteGroupsAPI(),
		incrementalAlterConfigsAPI(),
		offsetDeleteAPI(),
		describeClusterAPI(),
		consumerGroupHeartbeatAPI(),
		consumerGroupDescribeAPI(),
		describeTopicPartitionsAPI(),
	}
}

// longBody is the length from which a request is laborious if its API does not say.
const longBody = 32 << 10

// IsLaborious says whether a request takes longer than the goroutine that brings it should be kept.
func (a *API) IsLaborious(c *Call) bool {
	if a.Laborious != nil {
		return a.Laborious(c)
	}
	return len(c.Body) > longBody
}

// Table is what clients may ask for: the APIs as package wire sees them.
func Table(apis []API) *wire.Table {
	rows := make([]wire.API, 0, len(apis))
	for i := range apis {
		rows = append(rows, apis[i].API)
	}
	return wire.NewTable(rows...)
}

// decode reads the body of a request of an API other than Produce.
func decode[R kmsg.Request](b *Broker, c *Call) (R, error) {
	request, err := b.table.DecodeRequest(c.Header, c.Body)
	if err != nil {
		var none R
		return none, err
	}
	return request.(R), nil //nolint:forcetypeassert // DecodeRequest gives the type of the key
}
