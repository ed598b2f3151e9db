package survey

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Broker is what was seen at one address.
type Broker struct {
	Addr      string
	Bootstrap bool  // the configuration names it
	Node      int32 // -1: the cluster does not name this address
	// Works says that we could connect, log in and ask. The rest is there only if so.
	Works     bool
	RoundTrip time.Duration // the median of several
	Versions  link.Versions
	TLS       *TLS // nil: plain text
	Findings  []Finding

	connection *connection
	metadata   *kmsg.MetadataResponse
}

const (
	// pings is how many round trips are measured.
	pings = 5
	// metadataVersion is the newest Metadata that tells what we may do with the cluster.
	metadataVersion = 10
)

// Release is the release of Kafka whose requests the broker takes, 4.3; or, where it takes others too, the oldest that has its newest
// Produce: 4.1 or newer.
func (b *Broker) Release() string {
	var v kversion.Versions
	for key, r := range b.Versions {
		v.SetMaxKeyVersion(int16(key), r.Max)
	}
	if name, exact := strings.CutPrefix(v.VersionGuess(), "v"); exact {
		return name
	}
	oldest := "unknown"
	for _, name := range kversion.VersionStrings() { // the newest comes first
		if newest, _ := kversion.FromString(name).LookupMaxKeyVersion(int16(wire.KeyProduce)); newest < b.NewestProduce() {
			break
		}
		oldest = strings.TrimPrefix(name, "v") + " or newer"
	}
	return oldest
}

// NewestProduce is the newest version of Produce that the broker takes.
func (b *Broker) NewestProduce() int16 { return b.Versions[wire.KeyProduce].Max }

// examine connects to a broker, measures and asks it. The connection stays open.
func (s *surveyor) examine(ctx context.Context, b *Broker) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, &silentError{s.Timeout})
	defer cancel()
	if err := s.ask(ctx, b); err != nil {
		b.Findings = append(b.Findings, s.unreachable(b, err))
		return
	}
	b.Works = true
	b.Versions, b.TLS = b.connection.link.Versions(), encryption(b.connection.tls)
	if b.TLS != nil {
		b.Findings = append(b.Findings, b.TLS.Certificate.findings("the broker's")...)
	}
	if id := b.metadata.ClusterID; id != nil && *id == wire.MeshClusterID {
		b.Findings = append(b.Findings, Finding{
			What: "this is a Kafka mesh itself, perhaps the very listener", Do: "name a broker of the cluster in bootstrap_servers",
		})
	}
}

func (s *surveyor) ask(ctx context.Context, b *Broker) (err error) {
	if b.connection, err = connect(ctx, s.link(), s.Client, b.Addr); err != nil {
		return err
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Topics, request.IncludeClusterAuthorizedOperations = []kmsg.MetadataRequestTopic{}, true
	if b.metadata, err = b.askMetadata(ctx, request); err != nil {
		return err
	}
	b.RoundTrip, err = b.connection.ping(ctx)
	return err
}

func (b *Broker) askMetadata(ctx context.Context, request *kmsg.MetadataRequest) (*kmsg.MetadataResponse, error) {
	response, err := b.connection.call(ctx, request, metadataVersion)
	if err != nil {
		return nil, err
	}
	return response.(*kmsg.MetadataResponse), nil //nolint:forcetypeassert // as the request is
}

// ping is how long the broker takes to answer what it need not think about.
func (c *connection) ping(ctx context.Context) (time.Duration, error) {
	took := make([]time.Duration, pings)
	for i := range took {
		begun := time.Now()
		if _, err := c.call(ctx, kmsg.NewPtrApiVersionsRequest(), 0); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[pings/2], nil
}

// since30 says whether the broker is of Kafka 3.0 or newer: DescribeTransactions came with it.
func (b *Broker) since30() bool {
	_, ok := b.Versions[wire.APIKey(kmsg.DescribeTransactions)]
	return ok
}

// address is where a broker that metadata names listens.
func address(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
