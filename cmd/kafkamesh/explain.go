package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func explainCommand() command {
	return command{
		name:    "explain",
		args:    "[--offline] [--as PRINCIPAL] [--filter N] CONFIG TOPIC|--group GROUP",
		summary: "say where a topic is written and read, or where a group lives",
		about: `Says which rule of CONFIG takes TOPIC, or which one takes its writes and which
its reads, and which rules come close and why they do not match. Then asks the
rule's cluster about it: whether it exists, its partitions and their leaders, and
what the mesh's user may do with it. Then says what clients of the mesh are told,
and what is wrong.

With --group it says which cluster is the home of a consumer group, what that says
of it, and whether it has members on another cluster, where it must have none.

With --as it says what a principal may do with the topic or the group, and which
rule of authorization decides it, which rules of quotas count for it, and as who
the clusters see it, and asks them as that. ANONYMOUS is a client that has not
logged in.

CONFIG is what validate reads, "-" being standard input. Of a configuration of
Envoy with several filters, --filter says which is meant.
Nothing is changed in the cluster: a topic that is missing is not created.

The exit code is 0 when records to the topic would be served, or the group, and
else 1.`,
		setup: func(f *flag.FlagSet) runFunc {
			offline := f.Bool("offline", false, "look at the rules only, and connect to nobody")
			timeout := f.Duration("timeout", surveyTimeout, "how much `TIME` each broker has to connect and to answer")
			filter := f.Int("filter", 0, "`N`, the number of the filter in CONFIG that is meant, from 1")
			group := f.String("group", "", "a consumer `GROUP`, in place of TOPIC")
			as := f.String("as", "", "a `PRINCIPAL` whose authorization is explained")
			return func(ctx context.Context, args []string, s streams) error {
				switch {
				case *group != "" && len(args) != 1:
					return usageError(fmt.Sprintf("name one CONFIG beside --group, got %d", len(args)))
				case *group == "" && len(args) != 2: //nolint:mnd // CONFIG and TOPIC
					return usageError(fmt.Sprintf("name one CONFIG and one TOPIC, got %d", len(args)))
				case *timeout <= 0:
					return usageError("--timeout must be longer than nothing")
				}
				c, err := choose(args[0], *filter, s)
				if err != nil {
					return err
				}
				if *group != "" {
					return (&groupExplanation{config: c, group: *group, offline: *offline, timeout: *timeout, as: *as, out: s.out}).run(ctx)
				}
				e := explanation{config: c, topic: args[1], offline: *offline, timeout: *timeout, as: *as, out: s.out}
				return e.run(ctx)
			}
		},
	}
}

// choose reads one of the configurations in a file, by its number; 0 is the only one.
func choose(file string, number int, s streams) (*config.Config, error) {
	found, err := sources(file, s.in)
	if err != nil {
		return nil, err
	}
	switch {
	case number == 0 && len(found) == 1:
		number = 1
	case number < 1 || number > len(found):
		var list strings.Builder
		for i := range found {
			fmt.Fprintf(&list, "\n  %d: %s", i+1, found[i].name())
		}
		return nil, usageError(fmt.Sprintf("%s holds %s; choose one with --filter:%s", file, counted(len(found), "filter"), &list))
	}
	return found[number-1].parse(s.err)
}

// explanation is one run of explain about a topic.
type explanation struct {
	config  *config.Config
	topic   string
	offline bool
	timeout time.Duration
	as      string // a principal; empty: none is asked for
	user    string // whom the cluster that is looked at sees
	out     printer
	// read and written are the places of the rules that take the topic's reads and writes; -1: none does.
	read, written int
	// wrong is what keeps the topic's records from being stored.
	wrong []survey.Finding
}

func (e *explanation) run(ctx context.Context) error {
	e.out.printf("topic %s\n\n", e.shown())
	e.read, e.written = ruleOf(e.config, config.Reads, e.topic), ruleOf(e.config, config.Writes, e.topic)
	e.rules()
	valid := wire.ValidTopicName(e.topic)
	if valid && e.as != "" {
		e.authorization()
	}
	switch {
	case !valid:
		e.add(Finding{What: whyInvalid(e.topic), Do: "correct the name"})
	case e.read < 0 && e.written < 0:
		e.add(Finding{What: "no rule takes it", Do: `correct the name, or add a rule; one with topic_prefix: "" takes all others`})
	case !e.offline:
		if err := e.clusters(ctx); err != nil {
			return err
		}
	case e.as != "":
		e.identities()
	}
	if valid {
		e.halves()
	}
	if !valid || e.read < 0 && e.written < 0 || !e.offline {
		e.told(ctx)
	}
	return e.conclude()
}

// authorization says what the principal may do.
func (e *explanation) authorization() {
	a := newAuthorization(e.config, e.as, e.out)
	a.explain(authorizer.Topic, e.topic)
	explainQuotas(e.config, e.as, e.out)
	if !a.may(authorizer.Topic, e.topic, authorizer.Read, authorizer.Write) {
		e.add(a.finding("read it, nor write it"))
	}
}

// identities says as who the clusters of the rules see the principal.
func (e *explanation) identities() {
	for _, u := range e.uses() {
		if !saySeen(e.out, u.cluster, filter.SeenAs(u.cluster, e.as), e.as) {
			e.add(nobody(u.cluster, false))
		}
	}
}

// halves sees whether there is a rule for one operation alone.
func (e *explanation) halves() {
	switch {
	case e.written < 0 && e.read >= 0:
		e.add(Finding{What: "no rule is for writing it", Do: "add one, or let producers leave it alone"})
	case e.read < 0 && e.written >= 0:
		e.add(Finding{What: "no rule is for reading it: consumers are refused", Do: "add one, if somebody is to read it", Warning: true})
	}
}

// shown is the topic as it is printed.
func (e *explanation) shown() string {
	if wire.ValidTopicName(e.topic) {
		return e.topic
	}
	const most = 2 * wire.MaxTopicName
	return strconv.Quote(e.topic[:min(len(e.topic), most)])
}

// Finding is something that is wrong.
type Finding = survey.Finding

func (e *explanation) add(f Finding) { e.wrong = append(e.wrong, f) }

// maxNear is how many rules that come close are shown.
const maxNear = 10

// rules prints the rules that have to do with the topic.
func (e *explanation) rules() {
	near, others := 0, 0
	e.out.printf("Rules, of which the first that matches wins:\n")
	for i, r := range e.config.Rules {
		said := e.takes(i)
		if said == "" && near >= maxNear {
			others++
			continue
		}
		if said == "" {
			if said = e.comesClose(r); said == "" {
				others++
				continue
			}
			near++
		}
		e.out.printf("  forwarding_rules[%d]: topic_prefix %q, target_cluster %s%s: %s\n", i, r.Prefix, r.Cluster, only(r), said)
	}
	switch {
	case others == len(e.config.Rules):
		e.out.printf("  none matches, or comes close\n")
	case others > 0:
		e.out.printf("  %d more, which do not match\n", others)
	}
}

// takes says what a rule takes of the topic; empty: nothing.
func (e *explanation) takes(place int) string {
	switch {
	case place == e.read && place == e.written:
		return "takes it"
	case place == e.read:
		return "takes its reads"
	case place == e.written:
		return "takes its writes"
	default:
		return ""
	}
}

// comesClose says why a rule that takes nothing might be thought to; empty: nobody would think so.
func (e *explanation) comesClose(r config.Rule) string {
	if !strings.HasPrefix(e.topic, r.Prefix) {
		return whyNot(r.Prefix, e.topic)
	}
	first := e.written
	if r.Operations == config.Reads {
		first = e.read
	}
	return fmt.Sprintf("matches too, but comes after forwarding_rules[%d]", first)
}

// only says what a rule is for, if it is not for all.
func only(r config.Rule) string {
	if r.Operations == config.ReadsAndWrites {
		return ""
	}
	return " for " + r.Operations.String()
}

// whyInvalid says why no topic can have a name.
func whyInvalid(name string) string {
	switch {
	case name == "":
		return "a topic's name is not empty"
	case name == "." || name == "..":
		return "no topic is called so"
	case len(name) > wire.MaxTopicName:
		return fmt.Sprintf("a topic's name has at most %d characters, and this has %d", wire.MaxTopicName, len(name))
	}
	for i, r := range name {
		if !wire.ValidTopicName(string(r)) && r != '.' {
			return fmt.Sprintf("a topic's name has letters of English, digits, dots, dashes and underscores, and not %q (character %d)", r, i+1)
		}
	}
	return "no topic can have this name"
}

// conclude says what comes of it.
func (e *explanation) conclude() error {
	switch {
	case survey.Failed(e.wrong):
		e.out.printf("\nRecords to %s are not served:\n", e.shown())
		printFindings(e.out, "  ", e.wrong)
		return errReported
	case e.offline:
		e.out.printf("\nThe rules serve records to %s; its cluster was not asked.\n", e.topic)
	default:
		e.out.printf("\nRecords to %s are served.\n", e.topic)
		printFindings(e.out, "  ", e.wrong)
	}
	return nil
}
