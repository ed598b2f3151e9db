package wire

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kind is what a client is, by what it asks for. The names of kinds are names of metrics: they never change.
type Kind uint8

// The kinds of clients.
const (
	Producers      Kind = iota // what they ask for is served
	Consumers                  // Fetch, ListOffsets, groups
	Administrators             // topics, configurations, ACLs, what groups and brokers there are
	Logins                     // SASL
	Transactions               // producers with a transactional id
	Others                     // brokers, telemetry, and whoever does not speak Kafka's language
)

// kindNames are the kinds' stable names.
//
//nolint:gochecknoglobals // a constant table
var kindNames = [...]string{
	Producers:      "producers",
	Consumers:      "consumers",
	Administrators: "administrators",
	Logins:         "logins",
	Transactions:   "transactions",
	Others:         "others",
}

// kinds says who asks for which APIs: an API that is not here is for Others. FindCoordinator, InitProducerId and Produce are also for
// Transactions; who reads the request sees that.
//
//nolint:gochecknoglobals // a constant table
var kinds = [...][]kmsg.Key{
	Producers: {kmsg.Produce, kmsg.Metadata, kmsg.ApiVersions, kmsg.InitProducerID},
	Consumers: {
		kmsg.Fetch, kmsg.ListOffsets, kmsg.OffsetForLeaderEpoch, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat,
		kmsg.LeaveGroup, kmsg.OffsetFetch, kmsg.OffsetCommit, kmsg.ConsumerGroupHeartbeat, kmsg.StreamsGroupHeartbeat,
		kmsg.ShareGroupHeartbeat, kmsg.ShareFetch, kmsg.ShareAcknowledge,
	},
	Administrators: {
		kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.CreatePartitions, kmsg.DescribeTopicPartitions, kmsg.DeleteRecords,
		kmsg.DescribeConfigs, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs, kmsg.ListConfigResources,
		kmsg.DescribeACLs, kmsg.CreateACLs, kmsg.DeleteACLs,
		kmsg.DescribeUserSCRAMCredentials, kmsg.AlterUserSCRAMCredentials, kmsg.DescribeClientQuotas, kmsg.AlterClientQuotas,
		kmsg.CreateDelegationToken, kmsg.RenewDelegationToken, kmsg.ExpireDelegationToken, kmsg.DescribeDelegationToken,
		kmsg.ListGroups, kmsg.DescribeGroups, kmsg.DeleteGroups, kmsg.OffsetDelete, kmsg.ConsumerGroupDescribe, kmsg.ShareGroupDescribe,
		kmsg.StreamsGroupDescribe, kmsg.DescribeShareGroupOffsets, kmsg.AlterShareGroupOffsets, kmsg.DeleteShareGroupOffsets,
		kmsg.DescribeCluster, kmsg.DescribeLogDirs, kmsg.AlterReplicaLogDirs, kmsg.AlterPartitionAssignments,
		kmsg.ListPartitionReassignments, kmsg.ElectLeaders, kmsg.DescribeQuorum, kmsg.UpdateFeatures, kmsg.UnregisterBroker,
		kmsg.AddRaftVoter, kmsg.RemoveRaftVoter, kmsg.DescribeProducers, kmsg.DescribeTransactions, kmsg.ListTransactions,
	},
	Logins:       {kmsg.SASLHandshake, kmsg.SASLAuthenticate},
	Transactions: {kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn},
	Others:       nil,
}

// RefusedKinds lists the kinds that are refused, so that each can have its metric from the start.
func RefusedKinds() []Kind { return []Kind{Consumers, Administrators, Logins, Transactions, Others} }

// String is the kind's name, in snake_case.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Kind is who asks for the API.
func (k APIKey) Kind() Kind {
	for kind, keys := range kinds {
		if slices.Contains(keys, kmsg.Key(k)) {
			return Kind(kind)
		}
	}
	return Others
}
