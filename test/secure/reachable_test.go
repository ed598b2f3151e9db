package secure

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestBrokenClustersShow has one mesh with a cluster for each mistake, and two that work, and no client. Each shows in the metrics, and is
// said once; the good ones can be reached.
func TestBrokenClustersShow(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	broken := map[string]mistake{}
	tlsToBroker := map[string]any{"ca": filed(b.ca.file)}
	clusters := []stack.MeshCluster{{Name: "good", Bootstrap: b.Addr()}, {Name: "goodtls", Bootstrap: b.Listener("TLS"), TLS: tlsToBroker}}
	for name, m := range mistakes(t, b) {
		m.cluster.Name = strings.NewReplacer(" ", "_", ",", "", "'", "").Replace(name)
		broken[m.cluster.Name] = m
		clusters = append(clusters, m.cluster)
	}
	t.Run("Envoy", func(t *testing.T) {
		t.Parallel()
		configured := meshOf(t, clusters...)
		begun := time.Now()
		envoy := stack.Envoy(t, stack.EnvoyOptions{Mesh: configured})
		m := watched(t, &mesh{envoy.Process, configured.Addr})
		read := func() (metrics, error) {
			text, err := stack.Page(t.Context(), http.MethodGet, "http://"+envoy.Admin()+"/stats?filter=^kafkamesh.cluster")
			return parseMetrics(text, `(?m)^kafkamesh\.(\S+): (\d+)$`), err
		}
		wantBroken(t, broken, read)
		t.Logf("%d broken clusters showed within %s of the start", len(broken), time.Since(begun).Round(time.Millisecond))
		wantSaidOnce(t, m, broken)
		wantNotReady(t, "http://"+envoy.Admin()+"/kafkamesh/readyz", broken)
	})
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		m := startAlone(t, clusters...)
		for name := range broken {
			m.wantLog(t, "cluster="+name+" ")
		}
		wantSaidOnce(t, m, broken)
		wantNotReady(t, "http://"+stack.AdminIn(m.Log())+"/readyz", broken)
		m.Stop()
		got := parseMetrics(m.Log(), `(?m)^ +(cluster\.\S+) +(\d+) attempts$`)
		for name, mistake := range broken {
			if err := got.wrong(name, mistake); err != nil {
				t.Error(err)
			}
		}
		if got["cluster.good.connects"] == 0 || got["cluster.good.connect_failures"] != 0 {
			t.Errorf("the good cluster: %v", got)
		}
	})
}

// metrics are values by name.
type metrics map[string]int

func parseMetrics(text, pattern string) metrics {
	found := metrics{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found[m[1]], _ = strconv.Atoi(m[2])
	}
	return found
}

// wrong says what a broken cluster does not show.
func (m metrics) wrong(name string, of mistake) error {
	prefix := "cluster." + name + "."
	logins, failures := m[prefix+"login_failures"], m[prefix+"connect_failures"]
	if m[prefix+"reachable"] != 0 || failures == 0 || of.login && logins != failures || !of.login && logins != 0 {
		return fmt.Errorf("%s: reachable %d, %d connect_failures, %d login_failures; want 0, some, and all or none of them",
			name, m[prefix+"reachable"], failures, logins)
	}
	return nil
}

func wantBroken(t *testing.T, broken map[string]mistake, read func() (metrics, error)) {
	t.Helper()
	stack.Wait(t, "broken clusters to show", func() error {
		got, err := read()
		if err != nil {
			return err
		}
		for name, mistake := range broken {
			if err := got.wrong(name, mistake); err != nil {
				return err
			}
		}
		if got["cluster.good.reachable"] != 1 || got["cluster.goodtls.reachable"] != 1 || got["cluster.good.connect_failures"] != 0 {
			return fmt.Errorf("the good clusters: %v", got)
		}
		const day = 24 * 60 * 60
		if end := got["cluster.goodtls.certificate_expiry_seconds"]; end < day || got["cluster.good.certificate_expiry_seconds"] != 0 {
			return fmt.Errorf("certificate_expiry_seconds is %d, want more than a day, and none without TLS", end)
		}
		return nil
	})
}

// wantNotReady sees that what probes ask for names each broken cluster, and says why, and that the others are well.
func wantNotReady(t *testing.T, url string, broken map[string]mistake) {
	t.Helper()
	stack.Wait(t, url, func() error {
		_, err := stack.Page(t.Context(), http.MethodGet, url)
		refused, ok := errors.AsType[*stack.PageError](err)
		if !ok || refused.Code != http.StatusServiceUnavailable {
			return fmt.Errorf("%s: %w, want that it is not ready", url, err)
		}
		lines := map[string]string{}
		for line := range strings.Lines(refused.Body) {
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, "kafka_mesh/"), ": ")
			lines[name] = rest
		}
		for name, mistake := range broken {
			if !strings.HasPrefix(lines[name], "cannot be reached for ") || !strings.Contains(lines[name], mistake.said) {
				return fmt.Errorf("%s: %q, want that it cannot be reached, and %q", name, lines[name], mistake.said)
			}
		}
		for _, name := range []string{"good", "goodtls"} {
			if !strings.HasPrefix(lines[name], "can be reached") {
				return fmt.Errorf("%s: %q, want that it can be reached", name, lines[name])
			}
		}
		return nil
	})
}

// wantSaidOnce sees that the log has one line for each broken cluster, and that it says what is wrong.
func wantSaidOnce(t *testing.T, m *mesh, broken map[string]mistake) {
	t.Helper()
	for name, mistake := range broken {
		m.wantLog(t, mistake.said)
		var lines []string
		for line := range strings.Lines(m.Log()) {
			if strings.Contains(line, "cluster="+name+" ") {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], "the cluster is out of reach") {
			t.Errorf("of %s the log says\n%swant one line", name, strings.Join(lines, ""))
		}
	}
}
