package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// groupExplanation is one run of explain about a consumer group.
type groupExplanation struct {
	config  *config.Config
	group   string
	offline bool
	timeout time.Duration
	as      string // a principal; empty: none is asked for
	out     printer
	wrong   []survey.Finding

	consumer bool // it is of the new protocol (KIP-848)
}

func (e *groupExplanation) run(ctx context.Context) error {
	e.out.printf("group %q\n\n", e.group)
	home := e.rules()
	if e.as != "" {
		a := newAuthorization(e.config, e.as, e.out)
		a.explain(authorizer.Group, e.group)
		explainQuotas(e.config, e.as, e.out)
		if !a.may(authorizer.Group, e.group, authorizer.Read) {
			e.wrong = append(e.wrong, a.finding("be a member of it"))
		}
	}
	if e.offline {
		e.identities(home)
	} else {
		for _, cluster := range e.config.Clusters {
			if err := e.cluster(ctx, cluster, cluster.Name == home); err != nil {
				return err
			}
		}
	}
	switch {
	case survey.Failed(e.wrong):
		e.out.printf("\nThe group is not served:\n")
		printFindings(e.out, "  ", e.wrong)
		return errReported
	default:
		if e.consumer {
			e.out.printf("\nThe group lives on each cluster that its members read topics of.\n")
		} else {
			e.out.printf("\nThe group lives on %s.\n", home)
		}
		printFindings(e.out, "  ", e.wrong)
		return nil
	}
}

// identities says as who the clusters see the principal. Only the home has to take it: perhaps the group reads nothing of the others.
func (e *groupExplanation) identities(home string) {
	if e.as == "" {
		return
	}
	for _, cluster := range e.config.Clusters {
		if !saySeen(e.out, cluster, filter.SeenAs(cluster, e.as), e.as) {
			e.wrong = append(e.wrong, nobody(cluster, cluster.Name != home))
		}
	}
}

// rules prints the rules that match the group, and returns its home.
func (e *groupExplanation) rules() (home string) {
	e.out.printf("Rules, of which the first that matches wins:\n")
	others := 0
	for i, r := range e.config.GroupRules {
		said := "takes it"
		switch {
		case !strings.HasPrefix(e.group, r.Prefix):
			if said = whyNot(r.Prefix, e.group); said == "" {
				others++
				continue
			}
		case home != "":
			said = "matches too, but comes after the one that does"
		default:
			home = r.Cluster
		}
		e.out.printf("  group_rules[%d]: group_prefix %q, target_cluster %s: %s\n", i, r.Prefix, r.Cluster, said)
	}
	if others > 0 {
		e.out.printf("  %d more, which do not match\n", others)
	}
	said := "takes it, since no rule does"
	if home != "" {
		said = "takes what no rule does"
	} else {
		home = e.config.DefaultGroupCluster
	}
	e.out.printf("  default_group_cluster %s: %s\n", e.config.DefaultGroupCluster, said)
	return home
}

// cluster prints what one cluster says of the group. Only its home may have members of it.
func (e *groupExplanation) cluster(ctx context.Context, cluster config.Cluster, isHome bool) error {
	seen := filter.SeenAs(cluster, e.as)
	if !saySeen(e.out, cluster, seen, e.as) {
		e.wrong = append(e.wrong, nobody(cluster, !isHome))
		return nil
	}
	client, err := clientOf(seen.Settings)
	if err != nil {
		return err
	}
	c := survey.Of(ctx, survey.Options{Settings: seen.Settings, Client: client, Timeout: e.timeout, Topics: []string{}, Group: e.group})
	g := c.Group
	if g == nil {
		e.out.printf("\nCluster %s could not be asked\n", c.Name)
		for _, b := range c.Brokers {
			for _, f := range b.Findings {
				e.wrong = append(e.wrong, survey.Finding{What: c.Name + ", " + b.Addr + ": " + f.What, Do: f.Do, Warning: f.Warning || !isHome})
			}
		}
		return nil
	}
	what := "offsets of what is read there"
	if isHome {
		what = "its members, and offsets of what is read there"
	}
	e.out.printf("\nCluster %s, which has %s, says:\n", c.Name, what)
	if g.Locked {
		e.wrong = append(e.wrong, survey.Finding{
			What:    fmt.Sprintf("%s lacks READ on the group on %s: members get GROUP_AUTHORIZATION_FAILED", seen.User, c.Name),
			Do:      "allow the user READ on the group there",
			Warning: !isHome, // perhaps the group reads nothing there
		})
	}
	if g.Coordinator == nil {
		e.out.printf("  nothing: there is no such group yet, or %s may not DESCRIBE it\n", seen.User)
		return nil
	}
	e.out.printf("  its coordinator is broker %d, %s; it is %s, with %s", g.Coordinator.Node, g.Coordinator.Addr, g.State, counted(g.Members, "member"))
	if g.Consumer {
		e.consumer = true
		e.out.printf(", of group.protocol=consumer, which are on each cluster that they read topics of")
	}
	e.out.printf("\n")
	if !isHome && g.Members > 0 && !g.Consumer {
		e.wrong = append(e.wrong, survey.Finding{
			What: fmt.Sprintf("it has members on %s that do not come through the mesh: commits of what is read there are refused", c.Name),
			Do:   "have all members connect to the mesh, or give one of the two another group",
		})
	}
	return nil
}
