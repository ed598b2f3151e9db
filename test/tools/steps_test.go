//go:build onrequest

package tools

import (
	"slices"
	"strconv"
)

// step is what is typed, and what it shows. Its arguments come behind --bootstrap-server.
type step struct {
	title   string
	program string // as it is called in Kafka's bin
	args    []string
	only    string // what a line has that is looked at, if not all are: others use the clusters too
	leaves  bool   // whether the group's member leaves before
}

// classes are the programs' classes.
var classes = map[string]string{
	"kafka-topics.sh":           "org.apache.kafka.tools.TopicCommand",
	"kafka-consumer-groups.sh":  "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-get-offsets.sh":      "org.apache.kafka.tools.GetOffsetShell",
	"kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}

// steps are typed one after the other, of a group that reads a topic of each cluster.
func steps(group, apples, bananas string) []step {
	const groups = "kafka-consumer-groups.sh"
	both := []string{"--topic", apples, "--topic", bananas}
	return []step{
		{title: "Which topics there are", program: "kafka-topics.sh", args: []string{"--list"}, only: group},
		{title: "A topic that is made", program: "kafka-topics.sh", args: []string{"--create", "--topic", "bananas-made-" + group, "--partitions", "3"}},
		{title: "What it is", program: "kafka-topics.sh", args: []string{"--describe", "--topic", "bananas-made-" + group}},
		{title: "It gets a partition", program: "kafka-topics.sh", args: []string{"--alter", "--topic", "bananas-made-" + group, "--partitions", "4"}},
		{title: "It goes", program: "kafka-topics.sh", args: []string{"--delete", "--topic", "bananas-made-" + group}},
		{title: "Where topics end", program: "kafka-get-offsets.sh", args: []string{"--topic", "(apples|bananas)-" + group}},
		{
			title: "Records of both clusters", program: "kafka-console-consumer.sh",
			args: []string{"--include", "(apples|bananas)-" + group, "--group", group + "-console", "--from-beginning", "--max-messages", strconv.Itoa(2 * recordsOfStep)},
		},
		{title: "Which groups there are", program: groups, args: []string{"--list"}, only: group},
		{title: "Their states", program: groups, args: []string{"--list", "--state"}, only: group},
		{title: "How far a group is", program: groups, args: []string{"--describe", "--group", group}},
		{title: "Its members", program: groups, args: []string{"--describe", "--group", group, "--members", "--verbose"}},
		{title: "Its state", program: groups, args: []string{"--describe", "--group", group, "--state"}},
		{
			title: "Offsets of a group with a member are not reset", program: groups,
			args: slices.Concat([]string{"--reset-offsets", "--group", group, "--to-earliest", "--execute"}, both),
		},
		{
			title: "Its member has left: offsets are reset", program: groups, leaves: true,
			args: slices.Concat([]string{"--reset-offsets", "--group", group, "--to-earliest", "--execute"}, both),
		},
		{
			title: "By two records", program: groups,
			args: slices.Concat([]string{"--reset-offsets", "--group", group, "--shift-by", "2", "--execute"}, both),
		},
		{title: "How far it is then", program: groups, args: []string{"--describe", "--group", group}},
		{title: "Offsets of a topic are deleted", program: groups, args: []string{"--delete-offsets", "--group", group, "--topic", bananas}},
		{title: "How far it is without them", program: groups, args: []string{"--describe", "--group", group}},
		{title: "The group is deleted", program: groups, args: []string{"--delete", "--group", group}},
		{title: "It is gone", program: groups, args: []string{"--describe", "--group", group}},
	}
}
