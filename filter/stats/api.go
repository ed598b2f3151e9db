package stats

import (
	"strconv"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// API is the metrics of one API that clients are served. The zero API drops everything.
type API struct {
	// Requests counts its requests, of all versions.
	Requests Value
	// Time is how long they took, in microseconds: from the last byte of the request to the first of the answer, as far as we see.
	Time Distribution

	min      int16
	versions []Version
}

// Version is the metrics of one version of an API.
type Version struct {
	// Requests counts its requests.
	Requests Value
	// Failures counts those whose answer has an error that is not our refusal, or for which the connection was closed.
	Failures Value
	// Refusals counts those that the facade refused, as a whole or in part.
	Refusals Value
}

// Version gives the metrics of one version; those of a version that is not served drop everything.
func (a *API) Version(version int16) *Version {
	if i := int(version) - int(a.min); i >= 0 && i < len(a.versions) {
		return &a.versions[i]
	}
	return new(Version)
}

// rows are the metrics of one API, under its name.
func (a *API) rows(name string) []row {
	api := snake(name)
	return []row{
		{&a.Requests, with(Metric{Name: "requests", Unit: "requests", Help: "Requests from clients, by API."}, api, LabelAPI, api)},
		{&a.Time, with(Metric{
			Name: "request_time_us", Kind: Histogram, Unit: "microseconds",
			Help: "From the end of a client's request to the beginning of its answer, by API.",
		}, api, LabelAPI, api)},
	}
}

// rows are the metrics of one version.
func (v *Version) rows(name string, version int16) []row {
	api, number := snake(name), "v"+strconv.Itoa(int(version))
	counter := func(into *Value, name, help string) row {
		return row{into, Metric{
			Name: "api." + api + "." + number + "." + name, Family: "api." + name, Unit: "requests", Help: help, Rare: true,
			Labels: []Label{{LabelAPI, api}, {LabelVersion, number}},
		}}
	}
	return []row{
		counter(&v.Requests, "requests", "Requests from clients, by API and version."),
		counter(&v.Failures, "failures", "Those that were answered with an error of a cluster or of its absence, or had the connection closed."),
		counter(&v.Refusals, "refusals", "Those that the mesh itself refused, as a whole or in part."),
	}
}

// apiTable lists the metrics of all APIs: those of versions behind the others.
func apiTable(apis []wire.API) (t Table) {
	var versions Table
	for _, a := range apis {
		for _, r := range new(API).rows(a.Name) {
			t = append(t, r.Metric)
		}
		for v := a.Min; v <= a.Max; v++ {
			for _, r := range new(Version).rows(a.Name, v) {
				versions = append(versions, r.Metric)
			}
		}
	}
	return append(t, versions...)
}
