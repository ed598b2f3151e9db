package main

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

const groupsExplained = `
upstream_clusters:
- {cluster_name: plain, bootstrap_servers: "<plain>"}
- {cluster_name: other, bootstrap_servers: "<other>"}
- {cluster_name: nobody, bootstrap_servers: "<nobody>"}
forwarding_rules:
- {target_cluster: plain, topic_prefix: apples}
- {target_cluster: other, topic_prefix: bananas}
group_rules:
- {target_cluster: other, group_prefix: foreign}
- {target_cluster: plain, group_prefix: billing.}
- {target_cluster: nobody, group_prefix: bill}
`

func TestExplainGroup(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.join("plain", "billing.eu")()
	e.join("plain", "foreign")
	e.join("other", "foreign")
	e.join("plain", "at-home")
	e.beat("plain", "modern")
	e.beat("other", "modern")
	var said strings.Builder
	file := e.config(groupsExplained)
	for _, args := range [][]string{
		{"billing.eu"}, {"foreign"}, {"at-home"}, {"modern"}, {"Billing.us", "--offline"}, {"billed", "--offline"}, {"a b", "--offline"},
	} {
		said.WriteString("$ kafkamesh explain CONFIG --group " + strings.Join(args, " ") + "\n" +
			e.run(append([]string{"explain", file, "--group"}, args...)...) + "\n")
	}
	compare(t, "testdata/survey/groups.golden", said.String())
	if said := e.run("explain", file, "apples", "--group", "g"); !strings.Contains(said, "name one CONFIG beside --group") {
		t.Errorf("it says\n%s", said)
	}
}

const groupsLocked = `
upstream_clusters:
- cluster_name: guarded
  bootstrap_servers: "<guarded>"
  sasl: {mechanism: MECHANISM_PLAIN, username: {inline_string: mesh}, password: {inline_string: ` + rightPassword + `}}
- {cluster_name: other, bootstrap_servers: "<other>"}
forwarding_rules:
- {target_cluster: guarded, topic_prefix: ""}
group_rules:
- {target_cluster: other, group_prefix: away}
`

// The right to read in a group is looked for, by check in those that there are, and by explain in one that need not be there.
func TestGroupsThatMayNotBeReadIn(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	group := func(name string, o kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{
			Resource: kmsg.ACLResourceTypeGroup, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: o, Allow: true,
		}
	}
	e.cluster("guarded", kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", wrongPassword),
		kfake.User("PLAIN", "mesh", rightPassword, group("orders", kmsg.ACLOperationRead), group("billing", kmsg.ACLOperationDescribe)))
	for _, name := range []string{"orders", "billing", "hidden"} {
		e.join("guarded", name, kgo.SASL(plain.Auth{User: "root", Pass: wrongPassword}.AsMechanism()))
	}
	file := e.config(groupsLocked)
	const locked = "the mesh's user lacks READ on "
	for _, c := range []struct {
		args []string
		want string // empty: nothing is wrong
		code string
	}{
		{[]string{"check", file}, "warning: " + locked + "1 of the 2 groups that it is told of: billing", "exit code 0"},
		{[]string{"explain", file, "--group", "orders"}, "", "exit code 0"},
		{[]string{"explain", file, "--group", "billing"}, "  " + locked + "the group on guarded", "exit code 1"},
		{[]string{"explain", file, "--group", "nobody-yet"}, "  " + locked + "the group on guarded", "exit code 1"},
		{[]string{"explain", file, "--group", "away"}, "warning: " + locked + "the group on guarded", "exit code 0"},
	} {
		said := e.run(c.args...)
		if !strings.Contains(said, c.code) || !strings.Contains(said, c.want) || strings.Contains(said, locked) != (c.want != "") {
			t.Errorf("%s says\n%s\nwant %q, %s", c.args[0], said, c.want, c.code)
		}
	}
}

// join has a cluster have a member of a group, which leave has it leave.
func (e *estate) join(cluster, group string, o ...kgo.Opt) (leave func()) {
	e.t.Helper()
	client := e.client(cluster, o...)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = group, "consumer", 60_000, 60_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	response, err := join.RequestWith(e.t.Context(), client)
	if err != nil {
		e.t.Fatal(err)
	}
	if response.ErrorCode != 0 { // who joins is told its id, and comes again with that
		join.MemberID = response.MemberID
		if response, err = join.RequestWith(e.t.Context(), client); err != nil {
			e.t.Fatal(err)
		}
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = group, response.MemberID, response.Generation
	sync.ProtocolType, sync.Protocol = new("consumer"), new("range")
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: response.MemberID}}
	if synced, err := sync.RequestWith(e.t.Context(), client); err != nil || synced.ErrorCode != 0 {
		e.t.Fatal(synced, err)
	}
	return func() {
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group, leave.MemberID = group, response.MemberID
		leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: response.MemberID}}
		if left, err := leave.RequestWith(e.t.Context(), client); err != nil || left.ErrorCode != 0 {
			e.t.Fatal(left, err)
		}
	}
}

// beat has a cluster have a member of a group of KIP-848.
func (e *estate) beat(cluster, group string) {
	e.t.Helper()
	request := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	request.Group, request.MemberID, request.RebalanceTimeoutMillis = group, "member", 60_000
	request.SubscribedTopicNames, request.Topics = []string{"apples"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if response, err := request.RequestWith(e.t.Context(), e.client(cluster)); err != nil || response.ErrorCode != 0 {
		e.t.Fatal(response, err)
	}
}

func (e *estate) client(cluster string, o ...kgo.Opt) *kgo.Client {
	e.t.Helper()
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(e.addrs[cluster]))...)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(client.Close)
	return client
}
