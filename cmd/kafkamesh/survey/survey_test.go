package survey_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func TestRights(t *testing.T) {
	t.Parallel()
	const everything = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	for _, tc := range []struct {
		name             string
		bits             int32
		told, lacks, all bool
		names            []string
	}{
		{"the broker was not asked, or is old", math.MinInt32, false, false, false, nil},
		{"who may not describe the cluster", 0, false, false, false, nil},
		{"nobody asks an authorizer", everything, true, false, true, []string{
			"ALTER", "ALTER_CONFIGS", "CREATE", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE",
		}},
		{"to describe", 1 << survey.Describe, true, true, false, []string{"DESCRIBE"}},
		{"to write", 1<<survey.Describe | 1<<survey.Write, true, false, false, []string{"DESCRIBE", "WRITE"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := survey.RightsOf(tc.bits)
			if r.Told() != tc.told || r.Lacks(survey.Write) != tc.lacks || r.All() != tc.all {
				t.Errorf("told %v, lacks WRITE %v, all %v; want %v, %v, %v", r.Told(), r.Lacks(survey.Write), r.All(), tc.told, tc.lacks, tc.all)
			}
			if diff := cmp.Diff(tc.names, r.Names()); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// broker is one of a release of Kafka.
func broker(node int32, works bool, release *kversion.Versions) *survey.Broker {
	b := &survey.Broker{Addr: "broker:9092", Node: node, Works: works, Versions: link.Versions{}}
	release.EachMaxKeyVersion(func(k, v int16) { b.Versions[wire.APIKey(k)] = link.Range{Max: v} })
	if !works {
		b.Findings = []survey.Finding{{What: "nobody listens there", Do: "start it"}}
	}
	return b
}

func TestRelease(t *testing.T) {
	t.Parallel()
	odd := broker(1, true, kversion.V4_1_0())
	odd.Versions[wire.KeyMetadata] = link.Range{Max: 1}
	newer := broker(1, true, kversion.V4_1_0())
	newer.Versions[wire.KeyProduce] = link.Range{Max: 99}
	for want, b := range map[string]*survey.Broker{
		"2.4": broker(1, true, kversion.V2_4_0()), "3.9": broker(1, true, kversion.V3_9_0()), "4.1": broker(1, true, kversion.V4_1_0()),
		"4.1 or newer": odd, "unknown": newer, "0.11.0": broker(1, true, kversion.V0_11_0()),
	} {
		if got := b.Release(); got != want {
			t.Errorf("Release = %s, want %s", got, want)
		}
	}
}

func topic(name string, rights survey.Rights, leaders ...int32) survey.Topic {
	t := survey.Topic{Name: name, Rights: rights}
	for i, leader := range leaders {
		t.Partitions = append(t.Partitions, survey.Partition{Number: int32(i), Leader: leader})
	}
	return t
}

// ruleFor is a rule that takes topics by their first letter.
func ruleFor(letter byte, rule string) func(string) string {
	return func(topic string) string {
		if topic[0] == letter {
			return rule
		}
		return ""
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const write, describe = 1<<survey.Write | 1<<survey.Read | 1<<survey.Describe, 1<<survey.Read | 1<<survey.Describe
	const mayWrite = "allow it WRITE, where clients are to write; they get TOPIC_AUTHORIZATION_FAILED until then"
	idempotence := survey.Finding{
		What: "the mesh's user lacks IDEMPOTENT_WRITE on the cluster, which Kafka before 3.0 wants of idempotent producers; " +
			"these get CLUSTER_AUTHORIZATION_FAILED",
		Do: "allow IDEMPOTENT_WRITE on the cluster, or have producers set enable.idempotence=false", Warning: true,
	}
	rights := survey.Rights(1 << kmsg.ACLOperationDescribe)
	internal := topic("a-internal", describe, 1)
	internal.Internal = true
	for _, tc := range []struct {
		name    string
		cluster survey.Cluster
		want    []survey.Finding
	}{
		{"nothing", survey.Cluster{Topics: []survey.Topic{topic("a", write, 1), topic("other", describe, -1), internal}}, nil},
		{"not told", survey.Cluster{Topics: []survey.Topic{topic("a", 0, 1)}}, nil},
		{
			"some are locked",
			survey.Cluster{Topics: []survey.Topic{topic("a", write, 1), topic("a2", describe, 1)}},
			[]survey.Finding{{What: "the mesh's user lacks WRITE on 1 of the 2 topics that the rule sends here: a2", Do: mayWrite, Warning: true}},
		},
		{
			"all are locked",
			survey.Cluster{Topics: []survey.Topic{
				topic("a1", describe, 1), topic("a2", describe), topic("a3", describe), topic("a4", describe), topic("a5", describe), topic("a6", describe), topic("a7", describe),
			}},
			[]survey.Finding{{What: "the mesh's user lacks WRITE on every topic that the rule sends here: a1, a2, a3, a4, a5 and 2 more", Do: mayWrite}},
		},
		{
			"no leader",
			survey.Cluster{Topics: []survey.Topic{topic("a", write, 1, -1)}},
			[]survey.Finding{{What: "partitions without a leader, of topics that the rule sends here: a/1", Do: "see which of the cluster's brokers are down"}},
		},
		{
			"read only",
			survey.Cluster{Topics: []survey.Topic{topic("r1", describe, 1), topic("r2", 1<<survey.Describe, -1)}},
			[]survey.Finding{{
				What: "the mesh's user lacks READ on 1 of the 2 topics that the other has read here: r2",
				Do: "allow it READ, where clients are to read; they get TOPIC_AUTHORIZATION_FAILED until then. " +
					"A rule with operations: [OPERATION_WRITE] says that they are not",
				Warning: true,
			}, {What: "partitions without a leader, of topics that the other has read here: r2/0", Do: "see which of the cluster's brokers are down"}},
		},
		{"new, and no idempotence", survey.Cluster{Rights: rights, Brokers: []*survey.Broker{broker(1, true, kversion.V3_0_0())}}, nil},
		{"old, and no idempotence", survey.Cluster{Rights: rights, Brokers: []*survey.Broker{broker(1, true, kversion.V2_8_0())}}, []survey.Finding{idempotence}},
		{"old, and not told", survey.Cluster{Brokers: []*survey.Broker{broker(1, true, kversion.V2_8_0())}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.cluster.Judge(ruleFor('a', "the rule"), ruleFor('r', "the other"))
			if diff := cmp.Diff(tc.want, tc.cluster.Findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// What clients are let do, and the mesh's user may not, is a warning; and nothing is if they are let do nothing, or nobody tells.
func TestJudgeAdministration(t *testing.T) {
	t.Parallel()
	const look = survey.Rights(1 << survey.Describe)
	const all = 1<<kmsg.ACLOperationAlter | 1<<kmsg.ACLOperationAlterConfigs | 1<<kmsg.ACLOperationDelete | look
	for _, tc := range []struct {
		name    string
		is      survey.Administration
		cluster survey.Cluster
		want    []string // the beginning of each
	}{
		{"nothing", survey.Nothing, survey.Cluster{Rights: look, Topics: []survey.Topic{topic("a", look, 1)}}, nil},
		{"not told", survey.Altering, survey.Cluster{Topics: []survey.Topic{topic("a", 0, 1)}}, nil},
		{"others' topics", survey.Altering, survey.Cluster{Topics: []survey.Topic{topic("b", look, 1)}}, nil},
		{"all allowed", survey.Altering, survey.Cluster{Rights: look | 1<<survey.Create, Topics: []survey.Topic{topic("a", all, 1)}}, nil},
		{"creating", survey.Creating, survey.Cluster{Rights: look, Topics: []survey.Topic{topic("a", look, 1)}}, []string{"CREATE on the cluster", "ALTER, "}},
		{"altering", survey.Altering, survey.Cluster{Topics: []survey.Topic{topic("a", look, 1)}}, []string{"ALTER, ", "ALTER_CONFIGS, ", "DELETE, "}},
	} {
		tc.cluster.JudgeAdministration(tc.is, ruleFor('a', "the rule"))
		if len(tc.cluster.Findings) != len(tc.want) {
			t.Errorf("%s: %+v, want %q", tc.name, tc.cluster.Findings, tc.want)
			continue
		}
		for i, f := range tc.cluster.Findings {
			if !strings.Contains(f.What, tc.want[i]) || !f.Warning {
				t.Errorf("%s: %+v, want a warning of %q", tc.name, f, tc.want[i])
			}
		}
	}
}

func TestJudgeLeaders(t *testing.T) {
	t.Parallel()
	c := survey.Cluster{Brokers: []*survey.Broker{broker(1, true, kversion.V4_1_0()), broker(2, false, kversion.V4_1_0())}}
	all := topic("a", 0, 1, 2, -1, 3, 2)
	want := []survey.Finding{
		{What: "partition 2: there is no leader", Do: "see which of the cluster's brokers are down"},
		{What: "partitions 1, 4: the leader is broker 2, broker:9092: nobody listens there", Do: "start it"},
		{What: "partition 3: the leader is broker 3, which the cluster does not name"},
	}
	if diff := cmp.Diff(want, c.JudgeLeaders(&all)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
