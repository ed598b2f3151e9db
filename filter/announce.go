package filter

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// maxAnnounced is how many clusters, and how many rules, the line about a configuration has.
const maxAnnounced = 20

// announceTaken says in one line that a configuration was taken, and what it says.
func (f *Filter) announceTaken() {
	c := f.config
	clusters := make([]string, 0, len(c.Clusters))
	for _, cluster := range c.Clusters {
		clusters = append(clusters, fmt.Sprintf("%s (%s)", cluster.Name, counted(len(cluster.BootstrapServers), "address", "addresses")))
	}
	rules := make([]string, 0, len(c.Rules))
	for _, rule := range c.Rules {
		only := ""
		if rule.Operations != config.ReadsAndWrites {
			only = " for " + rule.Operations.String()
		}
		rules = append(rules, fmt.Sprintf("%s* to %s%s", rule.Prefix, rule.Cluster, only))
	}
	f.options.Log.Info("configuration taken", "version", version.Current().Version, "clusters", some(clusters), "rules", some(rules),
		"groups", some(homes(c)), "advertised", advertised(c), "authorization", authorization(c))
}

// authorization is how much is said of who may do what.
func authorization(c *config.Config) string {
	if n := len(c.Authorization); n > 0 {
		return counted(n, "rule", "rules")
	}
	return "none, every client may do everything"
}

// homes are those of groups.
func homes(c *config.Config) []string {
	var list []string
	for _, rule := range c.GroupRules {
		list = append(list, fmt.Sprintf("%s* on %s", rule.Prefix, rule.Cluster))
	}
	if len(list) == 0 {
		return []string{"all on " + c.DefaultGroupCluster}
	}
	return append(list, "others on "+c.DefaultGroupCluster)
}

// announceLetGo says in one line that a configuration is no longer used, and how much it was.
func (f *Filter) announceLetGo() {
	f.options.Log.Info("configuration let go", "version", version.Current().Version, "for", time.Since(f.began).Round(time.Second),
		"clients", f.options.Stats.Connections.Load())
}

// some is a list for a log: its beginning, if it is long.
func some(list []string) string {
	if n := len(list) - maxAnnounced; n > 0 {
		list = append(list[:maxAnnounced:maxAnnounced], fmt.Sprintf("%d more", n))
	}
	return strings.Join(list, ", ")
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// advertised is the address that clients are told.
func advertised(c *config.Config) string {
	if c.AdvertisedHost == "" {
		return "the address dialled"
	}
	return net.JoinHostPort(c.AdvertisedHost, strconv.Itoa(int(c.AdvertisedPort)))
}
