package config_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// FuzzParse: no panic; the same input gives the same answer; an error has readable lines; a Config keeps its promises.
func FuzzParse(f *testing.F) {
	f.Add(testdata(f, "cpp.yaml"))
	f.Add(testdata(f, "struct.json"))
	f.Add(marshal(f, cppMessage(f)))
	for _, tt := range append(textCases(), binaryCases(f)...) {
		if len(tt.raw) < 1<<12 {
			f.Add([]byte(tt.raw))
		}
	}
	files, err := filepath.Glob("testdata/cases/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := slices.Clone(raw)
		c, err := config.Parse(raw)
		again, err2 := config.Parse(raw)
		if !slices.Equal(before, raw) {
			t.Fatal("Parse wrote to its input")
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("Parse twice differs:\n%s", diff)
		}
		if err != nil {
			if err2 == nil || err.Error() != err2.Error() {
				t.Fatalf("Parse twice: %v, then %v", err, err2)
			}
			checkReadable(t, err.Error())
			return
		}
		for _, w := range c.Warnings {
			checkReadable(t, w.Error())
		}
		checkPromises(t, c)
	})
}

func checkReadable(t *testing.T, text string) {
	t.Helper()
	for _, noise := range []string{"proto:", "(line ", "\u00a0", "%!", "\n\n", "\r"} {
		if strings.Contains(text, noise) && !strings.Contains(text, `"`) { // what the user wrote is quoted
			t.Fatalf("message %q contains %q", text, noise)
		}
	}
}

func checkOperation(t *testing.T, c *config.Config) {
	t.Helper()
	if a := c.Admin; a != nil {
		if host, port, err := net.SplitHostPort(a.Address); err != nil || host == "" || port == "" || port == "0" {
			t.Fatalf("Parse accepted admin %+v", a)
		}
	}
	if l := c.AccessLog; l != nil && (l.SlowerThan < 0 || !(l.Share >= 0 && l.Share <= 1)) {
		t.Fatalf("Parse accepted access_log %+v", l)
	}
	if o := c.OpenTelemetry; o != nil && (!strings.HasPrefix(o.Endpoint, "http") || o.Interval < time.Second) {
		t.Fatalf("Parse accepted open_telemetry %+v", o)
	}
	for i, name := range c.TopicMetrics {
		if name == "" || slices.Contains(c.TopicMetrics[:i], name) {
			t.Fatalf("Parse accepted topic_metrics %q", c.TopicMetrics)
		}
	}
}

func checkPromises(t *testing.T, c *config.Config) {
	t.Helper()
	if len(c.Clusters) == 0 || len(c.Rules) == 0 || (c.AdvertisedHost == "") != (c.AdvertisedPort == 0) {
		t.Fatalf("Parse accepted %+v", c)
	}
	names := make(map[string]bool)
	for _, cl := range c.Clusters {
		if cl.Name == "" || names[cl.Name] || cl.ClientID == "" || cl.PartitionCount < 0 || len(cl.BootstrapServers) == 0 ||
			cl.RequestTimeout <= 0 || cl.MetadataMaxAge <= 0 || cl.MetadataRefreshInterval < 0 || cl.Linger < 0 {
			t.Fatalf("Parse accepted cluster %+v", cl)
		}
		names[cl.Name] = true
		for _, s := range cl.BootstrapServers {
			if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
				t.Fatalf("Parse made server %q: %v", s, err)
			}
		}
	}
	checkOperation(t, c)
	for i, r := range c.Rules {
		if !names[r.Cluster] {
			t.Fatalf("rule %d names no cluster: %+v", i, r)
		}
		for _, earlier := range c.Rules[:i] {
			if strings.HasPrefix(r.Prefix, earlier.Prefix) && (earlier.Operations.Has(r.Operations) || r.Operations.Has(earlier.Operations)) {
				t.Fatalf("rule %d is hidden by %+v", i, earlier)
			}
		}
	}
	if !names[c.DefaultGroupCluster] {
		t.Fatalf("groups live on %q", c.DefaultGroupCluster)
	}
	for i, r := range c.GroupRules {
		if !names[r.Cluster] || slices.ContainsFunc(c.GroupRules[:i], func(e config.GroupRule) bool { return strings.HasPrefix(r.Prefix, e.Prefix) }) {
			t.Fatalf("group rule %d is hidden, or names no cluster: %+v", i, r)
		}
	}
}
