package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

// askFacade asks the facade of a configuration about a topic, as a client does that may not have it created. It is who as says to the
// clusters; empty: the mesh's own user.
func askFacade(ctx context.Context, c *config.Config, topic, as string) (*kmsg.MetadataResponse, error) {
	clusters := slices.Clone(c.Clusters)
	for i := range clusters {
		if as == "" {
			clusters[i].Identity = config.MeshIdentity
		}
	}
	bare := &config.Config{ // and nothing that would listen, or write
		AdvertisedHost: c.AdvertisedHost, AdvertisedPort: c.AdvertisedPort,
		Clusters: clusters, Rules: c.Rules, GroupRules: c.GroupRules, DefaultGroupCluster: c.DefaultGroupCluster, Limits: c.Limits, UnmatchedTopic: c.UnmatchedTopic,
		Identities: c.Identities, NamedBy: config.NamedBySubject,
	}
	f, err := filter.New(bare, filter.Options{
		NewClient: saramaclient.New, Stats: stats.New(filter.Metrics(bare)), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.SetVersion(askedVersion)
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	request.Topics = append(request.Topics, asked)
	client := &client{whole: make(chan struct{})}
	s := f.NewSession(0, session.Peer{Remote: "kafkamesh explain"}, client)
	defer s.Closed()
	s.Certified("", "", as)
	s.Data(kmsg.NewRequestFormatter(kmsg.FormatterClientID("kafkamesh")).AppendRequest(nil, request, 0))
	select {
	case <-client.whole:
		return client.metadata()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// askedVersion is the version of Metadata that today's clients ask in.
const askedVersion = 12

// client is a client of the facade's in this process, which asks one thing.
type client struct {
	mu    sync.Mutex
	got   []byte
	whole chan struct{} // closed when the answer is there, or will not be
	done  bool
}

var _ session.Conn = (*client)(nil)

// The sizes of what comes before a response.
const (
	lengthSize      = 4
	correlationSize = 4
)

// Writev implements session.Conn.
func (c *client) Writev(parts [][]byte, sent func()) (outputFull bool) {
	if sent != nil {
		defer sent()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		c.got = append(c.got, p...)
	}
	if len(c.got) >= lengthSize && len(c.got) >= lengthSize+int(binary.BigEndian.Uint32(c.got)) {
		c.end()
	}
	return false
}

// Close implements session.Conn.
func (c *client) Close() { c.Abort() }

// Abort implements session.Conn.
func (c *client) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
}

// PauseReads implements session.Conn.
func (c *client) PauseReads(bool) {}

// end says that nothing more comes. c.mu is held.
func (c *client) end() {
	if !c.done {
		c.done = true
		close(c.whole)
	}
}

// metadata is what was answered.
func (c *client) metadata() (*kmsg.MetadataResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) < lengthSize+correlationSize {
		return nil, errors.New("the facade closes the connection")
	}
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(askedVersion)
	body, err := link.SkipTags(c.got[lengthSize+correlationSize:])
	if err == nil {
		err = response.ReadFrom(body)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the facade answers: %w", err)
	}
	return response, nil
}
