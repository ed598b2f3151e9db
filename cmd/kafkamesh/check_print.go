package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// works says whether nothing is wrong with a cluster and its brokers but what has time.
func works(c *survey.Cluster) bool { return !survey.Failed(allFindings(c)) }

// allFindings are those of a cluster and of its brokers.
func allFindings(c *survey.Cluster) []survey.Finding {
	all := slices.Clone(c.Findings)
	for _, b := range c.Brokers {
		all = append(all, b.Findings...)
	}
	return all
}

// state is a broker's or a cluster's in one word.
func state(findings []survey.Finding) string {
	switch {
	case survey.Failed(findings):
		return "fails"
	case len(findings) > 0:
		return "warning"
	default:
		return "ok"
	}
}

// printTable prints a table of brokers, and what is wrong below. It reports whether everything works.
func printTable(w printer, _ string, mesh *config.Config, clusters []*survey.Cluster) bool {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table := printer{t}
	table.printf("CLUSTER\tADDRESS\tBROKER\tSTATE\tROUND TRIP\tKAFKA\tTLS\tLOGIN\n")
	for _, c := range clusters {
		for _, b := range c.Brokers {
			table.printf("%s\t%s\t%s\t%s\t%s\n", c.Name, b.Addr, whichBroker(b, c), state(b.Findings), strings.Join(measured(b, c), "\t"))
		}
	}
	_ = t.Flush() // to a user who may be gone
	var broken []string
	for _, c := range clusters {
		printCluster(w, c, duties(mesh, c.Name))
		if !works(c) {
			broken = append(broken, c.Name)
		}
	}
	if len(broken) > 0 {
		w.printf("\nSomething is wrong with %s.\n", strings.Join(broken, ", "))
		return false
	}
	if slices.ContainsFunc(clusters, func(c *survey.Cluster) bool { return len(allFindings(c)) > 0 }) {
		w.printf("\nEverything works; see the warnings.\n")
	} else {
		w.printf("\nEverything works.\n")
	}
	return true
}

func whichBroker(b *survey.Broker, c *survey.Cluster) string {
	switch {
	case b.Node < 0:
		return "bootstrap"
	case b.Node == c.Controller:
		return fmt.Sprintf("%d, controller", b.Node)
	default:
		return strconv.Itoa(int(b.Node))
	}
}

// measured are the columns that only a broker that works has.
func measured(b *survey.Broker, c *survey.Cluster) []string {
	login := cmp.Or(string(c.Login), "none")
	if !b.Works {
		return []string{"–", "–", "–", login}
	}
	encrypted := "none"
	if b.TLS != nil {
		encrypted = b.TLS.Version + ", " + counted(b.TLS.Certificate.Days(), "day")
	}
	return []string{milliseconds(b.RoundTrip), fmt.Sprintf("%s (Produce %d)", b.Release(), b.NewestProduce()), encrypted, login}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", inMilliseconds(d)) }

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// printCluster prints what is to be said of a cluster beside its brokers.
func printCluster(w printer, c *survey.Cluster, duties string) {
	w.printf("\n%s: %s\n", c.Name, strings.Join(known(c), "; "))
	if duties != "" {
		w.printf("  %s\n", duties)
	}
	for _, b := range c.Brokers {
		printFindings(w, "  "+b.Addr+": ", b.Findings)
	}
	printFindings(w, "  ", c.Findings)
}

// known is what is to be known of a cluster, in words.
func known(c *survey.Cluster) []string {
	var words []string
	if c.Through != "" {
		words = append(words, "connections go through "+c.Through)
	}
	if c.Certificate != nil {
		words = append(words, fmt.Sprintf("our certificate, %s, is valid for %s", c.Certificate.Name, counted(c.Certificate.Days(), "day")))
	}
	if c.Identity != "" {
		words = append(words, "we log in as "+oneLine(c.Identity))
	}
	return append(words, said(c)...)
}

// oneLine is a name that others have chosen, short and without anything that a terminal would obey.
func oneLine(name string) string {
	const longest = 200
	if len(name) > longest {
		name = name[:longest] + "…"
	}
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// said is what a cluster has said of itself.
func said(c *survey.Cluster) []string {
	if !slices.ContainsFunc(c.Brokers, func(b *survey.Broker) bool { return b.Works }) {
		return []string{"no broker can be used"}
	}
	return []string{
		"cluster id " + cmp.Or(c.ID, "not told"), counted(len(c.Topics), "topic") + " visible to the mesh's user",
		"what it may do with the cluster: " + mayDo(c.Rights),
	}
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// mayDo is what our user may do, in words.
func mayDo(r survey.Rights) string {
	switch {
	case !r.Told():
		return "not told"
	case r.All():
		return "all"
	default:
		return strings.Join(r.Names(), ", ")
	}
}

func printFindings(w printer, begin string, findings []survey.Finding) {
	for _, f := range findings {
		kind := ""
		if f.Warning {
			kind = "warning: "
		}
		w.printf("%s%s%s\n", begin, kind, f.What)
		if f.Do != "" {
			w.printf("    → %s\n", f.Do)
		}
	}
}

// brokerLine is a broker in --json.
type brokerLine struct {
	Filter      string           `json:"filter,omitempty"`
	Cluster     string           `json:"cluster"`
	Address     string           `json:"address"`
	Bootstrap   bool             `json:"bootstrap"`
	Node        *int32           `json:"node,omitempty"`
	State       string           `json:"state"`
	RoundTripMS *float64         `json:"round_trip_ms,omitempty"`
	Kafka       string           `json:"kafka,omitempty"`
	Produce     *int16           `json:"newest_produce,omitempty"`
	TLS         string           `json:"tls,omitempty"`
	Certificate *certificateLine `json:"certificate,omitempty"`
	Login       string           `json:"login,omitempty"`
	Findings    []findingLine    `json:"findings,omitempty"`
}

// clusterLine is a cluster in --json.
type clusterLine struct {
	Filter      string           `json:"filter,omitempty"`
	Cluster     string           `json:"cluster"`
	ID          string           `json:"id,omitempty"`
	State       string           `json:"state"`
	Topics      int              `json:"topics"`
	Rights      []string         `json:"rights"` // null: not told
	Writes      []string         `json:"writes"` // prefixes of the topics that are written here
	Reads       []string         `json:"reads"`
	Groups      []string         `json:"groups"` // prefixes of the groups whose home it is
	Through     string           `json:"through,omitempty"`
	Identity    string           `json:"identity,omitempty"` // whose token we log in with
	Certificate *certificateLine `json:"own_certificate,omitempty"`
	Findings    []findingLine    `json:"findings,omitempty"`
}

type certificateLine struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
	Days    int       `json:"days"`
}

type findingLine struct {
	What    string `json:"what"`
	Do      string `json:"do,omitempty"`
	Warning bool   `json:"warning"`
}

// printJSON prints a line for each broker and each cluster. It reports whether everything works.
func printJSON(w printer, path string, mesh *config.Config, clusters []*survey.Cluster) bool {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	all := true
	for _, c := range clusters {
		for _, b := range c.Brokers {
			_ = lines.Encode(lineOf(b, c, path)) // to a user who may be gone
		}
		line := clusterLine{
			Filter: path, Cluster: c.Name, ID: c.ID, State: state(allFindings(c)), Topics: len(c.Topics), Rights: c.Rights.Names(),
			Writes: prefixes(mesh, config.Writes, c.Name), Reads: prefixes(mesh, config.Reads, c.Name), Groups: homeOf(mesh, c.Name),
			Through: c.Through, Identity: c.Identity, Certificate: certificateOf(c.Certificate), Findings: findingLines(c.Findings),
		}
		all = all && works(c)
		_ = lines.Encode(line) // the same
	}
	return all
}

// prefixes are those of the topics with which something is done on a cluster.
func prefixes(c *config.Config, done config.Operations, cluster string) []string {
	all := []string{}
	for _, r := range c.Rules {
		if r.Cluster == cluster && r.Operations.Has(done) {
			all = append(all, r.Prefix)
		}
	}
	return all
}

// homeOf are the prefixes of groups whose home a cluster is; the empty one: all that no rule names.
func homeOf(c *config.Config, cluster string) []string {
	all := []string{}
	for _, r := range c.GroupRules {
		if r.Cluster == cluster {
			all = append(all, r.Prefix)
		}
	}
	if c.DefaultGroupCluster == cluster {
		all = append(all, "")
	}
	return all
}

func lineOf(b *survey.Broker, c *survey.Cluster, path string) brokerLine {
	line := brokerLine{
		Filter: path, Cluster: c.Name, Address: b.Addr, Bootstrap: b.Bootstrap, State: state(b.Findings), Login: string(c.Login),
		Findings: findingLines(b.Findings),
	}
	if b.Node >= 0 {
		line.Node = &b.Node
	}
	if b.Works {
		took, newest := inMilliseconds(b.RoundTrip), b.NewestProduce()
		line.RoundTripMS, line.Kafka, line.Produce = &took, b.Release(), &newest
	}
	if b.TLS != nil {
		line.TLS, line.Certificate = b.TLS.Version, certificateOf(&b.TLS.Certificate)
	}
	return line
}

func certificateOf(c *survey.Certificate) *certificateLine {
	if c == nil {
		return nil
	}
	return &certificateLine{c.Name, c.Expires, c.Days()}
}

func findingLines(all []survey.Finding) (lines []findingLine) {
	for _, f := range all {
		lines = append(lines, findingLine(f))
	}
	return lines
}
