// Command dashboard writes Grafana's dashboard of the mesh into the file that is its argument: examples/grafana/dashboard.json.
//
// It is a module of its own, so that what it is made with is none of the mesh's dependencies. What is shown is in rows.go, how it is
// drawn in panel.go. test/alerts sees that every metric exists and that every query answers.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // main is the one place for it
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return errors.New("name the file to write")
	}
	d, err := mesh()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(d); err != nil {
		return err
	}
	return os.WriteFile(args[0], text.Bytes(), 0o644) //nolint:gosec // whoever calls names the file, which is for all
}

// mesh is the dashboard.
//
//nolint:staticcheck // newer schemas are for the newest Grafana alone; this one loads in all
func mesh() (dashboard.Dashboard, error) {
	b := dashboard.NewDashboardBuilder("Kafka mesh").
		Uid("kafkamesh").
		Description("Kafka mesh for Envoy: what it does, how fast, and what is wrong. What each metric means: docs/metrics.md; what to do: docs/operations.md.").
		Tags([]string{"kafka", "envoy", "kafkamesh"}).
		Time("now-1h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(variable("job", "Job", "label_values("+prefix+"connections, job)")).
		WithVariable(variable("instance", "Instance", "label_values("+prefix+`connections{job=~"$job"}, instance)`)).
		WithVariable(variable("cluster", "Kafka cluster", "label_values("+prefix+`cluster_reachable{job=~"$job", instance=~"$instance"}, kafka_cluster)`))
	id := uint32(0)
	next := func() uint32 { id++; return id }
	for _, r := range rows() {
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(next()))
		for _, p := range r.panels {
			b.WithPanel(p.builder(next()))
		}
	}
	return b.Build()
}

// variable is one that takes all values until somebody chooses.
func variable(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).
		Query(dashboard.StringOrMap{String: &query}).
		Datasource(datasource()).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// datasource is the Prometheus that the viewer has chosen.
func datasource() common.DataSourceRef {
	kind, uid := "prometheus", "${datasource}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}
