package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// verdict says who is ready, and why not. It is what /readyz answers.
type verdict struct {
	Ready bool `json:"ready"`
	// Reason is why not, in a sentence.
	Reason   string           `json:"reason,omitempty"`
	Clusters []clusterVerdict `json:"clusters"`
}

// clusterVerdict is what a verdict says of one cluster.
type clusterVerdict struct {
	Mesh  string       `json:"mesh,omitempty"`
	Name  string       `json:"name"`
	State status.State `json:"state"`
	Since time.Time    `json:"since,omitzero"`
	Error string       `json:"error,omitempty"`
}

// judge judges the meshes that take clients, each by its policy: broken ones are no meshes that anybody could ask.
func judge(meshes []status.Mesh, draining bool, broken int) verdict {
	v := verdict{Ready: true, Clusters: []clusterVerdict{}}
	taking := 0
	for i := range meshes {
		m := &meshes[i]
		if m.Draining {
			continue
		}
		taking++
		reachable := 0
		for j := range m.Clusters {
			c := &m.Clusters[j]
			v.Clusters = append(v.Clusters, judgeCluster(m, c))
			if c.State == status.Reachable {
				reachable++
			}
		}
		if m.Readiness == status.ReadinessAny && reachable > 0 || reachable == len(m.Clusters) {
			continue
		}
		v.Ready = false
	}
	v.Reason = reason(v, draining, taking, broken)
	v.Ready = v.Ready && v.Reason == ""
	return v
}

// judgeCluster says what is known of one cluster. Why it could not be reached once does not matter when it can be.
func judgeCluster(m *status.Mesh, c *status.Cluster) clusterVerdict {
	v := clusterVerdict{Mesh: m.Name, Name: c.Name, State: c.State, Since: c.Since}
	if c.State != status.Reachable {
		v.Error = c.LastError
	}
	return v
}

// reason is why not all is well, the gravest alone; empty if all is.
func reason(v verdict, draining bool, taking, broken int) string {
	switch {
	case draining:
		return "the process is about to end, or has a successor"
	case broken > 0:
		return "a bug keeps a mesh from being asked; the log says more"
	case taking == 0:
		return "no configuration is at work yet"
	case v.Ready:
		return ""
	}
	var out, unknown []string
	for _, c := range v.Clusters {
		switch c.State {
		case status.Unreachable:
			out = append(out, c.Name)
		case status.Unknown:
			unknown = append(unknown, c.Name)
		case status.Reachable:
		}
	}
	switch {
	case len(out) == 0:
		return "not tried yet: " + few(unknown)
	case len(out) == len(v.Clusters):
		return "no cluster can be reached"
	default:
		return fmt.Sprintf("%d of %d clusters cannot be reached: %s", len(out), len(v.Clusters), few(out))
	}
}

// only is what the verdict says of one cluster, by its name alone or with its filter's in front; false: there is none of that name.
func (v verdict) only(name string) (verdict, bool) {
	one := verdict{Ready: true, Clusters: []clusterVerdict{}}
	for _, c := range v.Clusters {
		if c.Name != name && where(c.Mesh, c.Name) != name {
			continue
		}
		one.Clusters = append(one.Clusters, c)
		if c.State != status.Reachable {
			one.Ready, one.Reason = false, stateWords(c.State)
		}
	}
	return one, len(one.Clusters) > 0
}

// text is the verdict in words.
func (v verdict) text(now time.Time) string {
	var b strings.Builder
	if v.Ready {
		b.WriteString("ready\n")
	} else {
		b.WriteString("not ready: " + v.Reason + "\n")
	}
	for _, c := range v.Clusters {
		fmt.Fprintf(&b, "%s: %s", where(c.Mesh, c.Name), stateWords(c.State))
		if !c.Since.IsZero() {
			b.WriteString(" for " + span(now.Sub(c.Since)))
		}
		if c.Error != "" {
			b.WriteString(": " + strings.ReplaceAll(c.Error, "\n", "; "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func stateWords(s status.State) string {
	switch s {
	case status.Reachable:
		return "can be reached"
	case status.Unreachable:
		return "cannot be reached"
	default:
		return "not tried yet"
	}
}

// where names a cluster, with its mesh if that has a name.
func where(mesh, cluster string) string {
	if mesh == "" {
		return cluster
	}
	return mesh + "/" + cluster
}

// few names the first few.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
