package filter

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// UpstreamSettings is what a configured cluster is to the upstream path. Clients of Options.NewClient are made from it.
func UpstreamSettings(c config.Cluster) upstream.Settings {
	return upstream.Settings{
		Name: c.Name, BootstrapServers: c.BootstrapServers, ClientID: c.ClientID, AcksOverride: acksOverride(c.Acks),
		RequestTimeout: c.RequestTimeout, MetadataRefreshInterval: c.MetadataRefreshInterval,
		MetadataMaxAge: c.MetadataMaxAge, MessageTimeout: c.MessageTimeout, MaxMessageBytes: c.MaxMessageBytes,
		MaxResponseBytes: c.MaxResponseBytes, Window: int(c.MaxInFlight), AnswerTimeout: c.AnswerTimeout, MaxIdle: c.MaxIdle,
		ReconnectBackoff: c.ReconnectBackoff, ReconnectBackoffMax: c.ReconnectBackoffMax, NoAutoCreate: c.NoAutoCreate,
		ConnectionsPerBroker: int(c.ConnectionsPerBroker), Linger: c.Linger, MaxRequestBytes: c.MaxRequestBytes, Dial: c.Dial,
		MaxFetchWait: c.Fetches.MaxWait, MinFetchBytes: c.Fetches.MinBytes, MaxFetchBytes: c.Fetches.MaxBytes,
		MaxPartitionFetchBytes: c.Fetches.MaxPartitionBytes,
	}
}

// acksOverride is what replaces the clients' acks upstream, nil for nothing. None is sent as 1, as a client's own 0 is:
// the answer tells whose batch failed.
func acksOverride(a config.Acks) *int16 {
	if a == config.AcksClient {
		return nil
	}
	acks := a.Override(1)
	if acks == 0 {
		acks = 1
	}
	return &acks
}
