package config_test

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// No group and no offset can be deleted unless the configuration says so.
func TestGroupAccess(t *testing.T) {
	t.Parallel()
	accesses(t, func(c *config.Config) config.Access { return c.GroupAccess }, map[string]config.Access{
		"":                                     config.AccessRead,
		"administration: {topics: ACCESS_ALL}": config.AccessRead,
		"administration: {groups: ACCESS_UNSPECIFIED}": config.AccessRead,
		"administration: {groups: ACCESS_READ}":        config.AccessRead,
		"administration: {groups: ACCESS_ALL}":         config.AccessAll,
	})
}

// Nothing that could delete or change anything is allowed unless the configuration says so.
func TestTopicAccess(t *testing.T) {
	t.Parallel()
	accesses(t, func(c *config.Config) config.Access { return c.TopicAccess }, map[string]config.Access{
		"":                   config.AccessRead,
		"administration: {}": config.AccessRead,
		"administration: {topics: ACCESS_UNSPECIFIED}": config.AccessRead,
		"administration: {topics: ACCESS_READ}":        config.AccessRead,
		"administration: {topics: ACCESS_NONE}":        config.AccessNone,
		"administration: {topics: ACCESS_CREATE}":      config.AccessCreate,
		"administration: {topics: 4}":                  config.AccessAll,
	})
}

// accesses compares what is read from configurations that begin alike.
func accesses(t *testing.T, read func(*config.Config) config.Access, wanted map[string]config.Access) {
	t.Helper()
	for given, want := range wanted {
		c, err := config.Parse([]byte(`
upstream_clusters: [{cluster_name: c1, bootstrap_servers: "k:9092"}]
forwarding_rules: [{target_cluster: c1, topic_prefix: ""}]
` + given))
		if err != nil {
			t.Errorf("%q: %v", given, err)
		} else if got := read(c); got != want {
			t.Errorf("%q: access %d, want %d", given, got, want)
		}
	}
}
