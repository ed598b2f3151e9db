package wire

import "strconv"

// ErrorCode is Kafka's number for how something went: the same numbers in every response (Errors.java).
type ErrorCode int16

// The codes that a producer's facade may see from a broker or say to a client, under Kafka's own names.
const (
	UnknownServerError                 ErrorCode = -1
	None                               ErrorCode = 0
	OffsetOutOfRange                   ErrorCode = 1
	CorruptMessage                     ErrorCode = 2
	UnknownTopicOrPartition            ErrorCode = 3
	LeaderNotAvailable                 ErrorCode = 5
	NotLeaderOrFollower                ErrorCode = 6
	RequestTimedOut                    ErrorCode = 7
	BrokerNotAvailable                 ErrorCode = 8
	ReplicaNotAvailable                ErrorCode = 9
	MessageTooLarge                    ErrorCode = 10
	OffsetMetadataTooLarge             ErrorCode = 12
	NetworkException                   ErrorCode = 13
	CoordinatorLoadInProgress          ErrorCode = 14
	CoordinatorNotAvailable            ErrorCode = 15
	NotCoordinator                     ErrorCode = 16
	InvalidTopicException              ErrorCode = 17
	RecordListTooLarge                 ErrorCode = 18
	NotEnoughReplicas                  ErrorCode = 19
	NotEnoughReplicasAfterAppend       ErrorCode = 20
	InvalidRequiredAcks                ErrorCode = 21
	IllegalGeneration                  ErrorCode = 22
	InconsistentGroupProtocol          ErrorCode = 23
	InvalidGroupID                     ErrorCode = 24
	UnknownMemberID                    ErrorCode = 25
	InvalidSessionTimeout              ErrorCode = 26
	RebalanceInProgress                ErrorCode = 27
	InvalidCommitOffsetSize            ErrorCode = 28
	TopicAuthorizationFailed           ErrorCode = 29
	GroupAuthorizationFailed           ErrorCode = 30
	ClusterAuthorizationFailed         ErrorCode = 31
	InvalidTimestamp                   ErrorCode = 32
	UnsupportedSASLMechanism           ErrorCode = 33
	IllegalSASLState                   ErrorCode = 34
	UnsupportedVersion                 ErrorCode = 35
	TopicAlreadyExists                 ErrorCode = 36
	InvalidPartitions                  ErrorCode = 37
	InvalidReplicationFactor           ErrorCode = 38
	InvalidReplicaAssignment           ErrorCode = 39
	InvalidConfig                      ErrorCode = 40
	NotController                      ErrorCode = 41
	InvalidRequest                     ErrorCode = 42
	UnsupportedForMessageFormat        ErrorCode = 43
	PolicyViolation                    ErrorCode = 44
	OutOfOrderSequenceNumber           ErrorCode = 45
	DuplicateSequenceNumber            ErrorCode = 46
	InvalidProducerEpoch               ErrorCode = 47
	InvalidTxnState                    ErrorCode = 48
	InvalidProducerIDMapping           ErrorCode = 49
	InvalidTransactionTimeout          ErrorCode = 50
	ConcurrentTransactions             ErrorCode = 51
	TransactionalIDAuthorizationFailed ErrorCode = 53
	SecurityDisabled                   ErrorCode = 54
	KafkaStorageError                  ErrorCode = 56
	SASLAuthenticationFailed           ErrorCode = 58
	UnknownProducerID                  ErrorCode = 59
	ReassignmentInProgress             ErrorCode = 60
	NonEmptyGroup                      ErrorCode = 68
	GroupIDNotFound                    ErrorCode = 69
	FetchSessionIDNotFound             ErrorCode = 70
	InvalidFetchSessionEpoch           ErrorCode = 71
	ListenerNotFound                   ErrorCode = 72
	FencedLeaderEpoch                  ErrorCode = 74
	UnknownLeaderEpoch                 ErrorCode = 75
	UnsupportedCompressionType         ErrorCode = 76
	OffsetNotAvailable                 ErrorCode = 78
	MemberIDRequired                   ErrorCode = 79
	GroupMaxSizeReached                ErrorCode = 81
	GroupSubscribedToTopic             ErrorCode = 86
	FencedInstanceID                   ErrorCode = 82
	InvalidRecord                      ErrorCode = 87
	UnstableOffsetCommit               ErrorCode = 88
	ThrottlingQuotaExceeded            ErrorCode = 89
	ProducerFenced                     ErrorCode = 90
	UnknownTopicID                     ErrorCode = 100
	InconsistentTopicID                ErrorCode = 103
	FetchSessionTopicIDError           ErrorCode = 106
	OffsetMovedToTieredStorage         ErrorCode = 109
	FencedMemberEpoch                  ErrorCode = 110
	UnreleasedInstanceID               ErrorCode = 111
	StaleMemberEpoch                   ErrorCode = 113
	MismatchedEndpointType             ErrorCode = 114
	UnsupportedEndpointType            ErrorCode = 115
	TransactionAbortable               ErrorCode = 120
	RebootstrapRequired                ErrorCode = 129
)

// String is Kafka's spelling, or ERROR_123 for a code that has no constant here.
func (c ErrorCode) String() string {
	for _, row := range errorTable {
		if row.code == c {
			return row.name
		}
	}
	return "ERROR_" + strconv.Itoa(int(c))
}

// ErrorCodes lists the codes a Produce can be answered with, None first, so that each can have its metric from the
// start. A broker newer than this list may answer others.
func ErrorCodes() []ErrorCode {
	codes := []ErrorCode{None}
	for _, row := range errorTable {
		if row.produce && row.code != None {
			codes = append(codes, row.code)
		}
	}
	return codes
}

// Transient says whether a batch was answered so because of a state that passes, whatever is in the batch, and its client sends it
// again. These are the codes of which Java says RetriableException and librdkafka RD_KAFKA_ERR_ACTION_RETRY, but for CORRUPT_MESSAGE.
func (c ErrorCode) Transient() bool {
	switch c {
	case UnknownTopicOrPartition, LeaderNotAvailable, NotLeaderOrFollower, RequestTimedOut, BrokerNotAvailable,
		ReplicaNotAvailable, NetworkException, CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator,
		NotEnoughReplicas, NotEnoughReplicasAfterAppend, NotController, ConcurrentTransactions, KafkaStorageError,
		FencedLeaderEpoch, UnknownLeaderEpoch, ThrottlingQuotaExceeded, UnknownTopicID, InconsistentTopicID:
		return true
	default:
		return false
	}
}

// errorRow is one code: how Kafka spells it and whether a Produce can be answered with it.
type errorRow struct {
	code    ErrorCode
	name    string
	produce bool
}

//nolint:gochecknoglobals // a constant table
var errorTable = [...]errorRow{
	{UnknownServerError, "UNKNOWN_SERVER_ERROR", true},
	{None, "NONE", true},
	{OffsetOutOfRange, "OFFSET_OUT_OF_RANGE", false},
	{CorruptMessage, "CORRUPT_MESSAGE", true},
	{UnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION", true},
	{LeaderNotAvailable, "LEADER_NOT_AVAILABLE", true},
	{NotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER", true},
	{RequestTimedOut, "REQUEST_TIMED_OUT", true},
	{BrokerNotAvailable, "BROKER_NOT_AVAILABLE", false},
	{ReplicaNotAvailable, "REPLICA_NOT_AVAILABLE", true},
	{MessageTooLarge, "MESSAGE_TOO_LARGE", true},
	{OffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE", false},
	{NetworkException, "NETWORK_EXCEPTION", true},
	{CoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS", true},
	{CoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE", true},
	{NotCoordinator, "NOT_COORDINATOR", true},
	{InvalidTopicException, "INVALID_TOPIC_EXCEPTION", true},
	{RecordListTooLarge, "RECORD_LIST_TOO_LARGE", true},
	{NotEnoughReplicas, "NOT_ENOUGH_REPLICAS", true},
	{NotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true},
	{InvalidRequiredAcks, "INVALID_REQUIRED_ACKS", true},
	{IllegalGeneration, "ILLEGAL_GENERATION", false},
	{InconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL", false},
	{InvalidGroupID, "INVALID_GROUP_ID", false},
	{UnknownMemberID, "UNKNOWN_MEMBER_ID", false},
	{InvalidSessionTimeout, "INVALID_SESSION_TIMEOUT", false},
	{RebalanceInProgress, "REBALANCE_IN_PROGRESS", false},
	{InvalidCommitOffsetSize, "INVALID_COMMIT_OFFSET_SIZE", false},
	{TopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED", true},
	{GroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED", false},
	{ClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED", true},
	{InvalidTimestamp, "INVALID_TIMESTAMP", true},
	{UnsupportedSASLMechanism, "UNSUPPORTED_SASL_MECHANISM", false},
	{IllegalSASLState, "ILLEGAL_SASL_STATE", false},
	{UnsupportedVersion, "UNSUPPORTED_VERSION", true},
	{TopicAlreadyExists, "TOPIC_ALREADY_EXISTS", false},
	{InvalidPartitions, "INVALID_PARTITIONS", false},
	{InvalidReplicationFactor, "INVALID_REPLICATION_FACTOR", false},
	{InvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT", false},
	{InvalidConfig, "INVALID_CONFIG", false},
	{NotController, "NOT_CONTROLLER", false},
	{InvalidRequest, "INVALID_REQUEST", true},
	{UnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT", true},
	{PolicyViolation, "POLICY_VIOLATION", true},
	{OutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER", true},
	{DuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER", true},
	{InvalidProducerEpoch, "INVALID_PRODUCER_EPOCH", true},
	{InvalidTxnState, "INVALID_TXN_STATE", true},
	{InvalidProducerIDMapping, "INVALID_PRODUCER_ID_MAPPING", true},
	{InvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT", false},
	{ConcurrentTransactions, "CONCURRENT_TRANSACTIONS", true},
	{TransactionalIDAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", true},
	{SecurityDisabled, "SECURITY_DISABLED", false},
	{KafkaStorageError, "KAFKA_STORAGE_ERROR", true},
	{SASLAuthenticationFailed, "SASL_AUTHENTICATION_FAILED", false},
	{ReassignmentInProgress, "REASSIGNMENT_IN_PROGRESS", false},
	{UnknownProducerID, "UNKNOWN_PRODUCER_ID", true},
	{NonEmptyGroup, "NON_EMPTY_GROUP", false},
	{GroupIDNotFound, "GROUP_ID_NOT_FOUND", false},
	{FetchSessionIDNotFound, "FETCH_SESSION_ID_NOT_FOUND", false},
	{InvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH", false},
	{ListenerNotFound, "LISTENER_NOT_FOUND", false},
	{FencedLeaderEpoch, "FENCED_LEADER_EPOCH", true},
	{UnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH", true},
	{UnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE", true},
	{OffsetNotAvailable, "OFFSET_NOT_AVAILABLE", false},
	{MemberIDRequired, "MEMBER_ID_REQUIRED", false},
	{GroupMaxSizeReached, "GROUP_MAX_SIZE_REACHED", false},
	{GroupSubscribedToTopic, "GROUP_SUBSCRIBED_TO_TOPIC", false},
	{FencedInstanceID, "FENCED_INSTANCE_ID", false},
	{InvalidRecord, "INVALID_RECORD", true},
	{UnstableOffsetCommit, "UNSTABLE_OFFSET_COMMIT", false},
	{ThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED", true},
	{ProducerFenced, "PRODUCER_FENCED", true},
	{UnknownTopicID, "UNKNOWN_TOPIC_ID", true},
	{InconsistentTopicID, "INCONSISTENT_TOPIC_ID", true},
	{FetchSessionTopicIDError, "FETCH_SESSION_TOPIC_ID_ERROR", false},
	{OffsetMovedToTieredStorage, "OFFSET_MOVED_TO_TIERED_STORAGE", false},
	{FencedMemberEpoch, "FENCED_MEMBER_EPOCH", false},
	{UnreleasedInstanceID, "UNRELEASED_INSTANCE_ID", false},
	{StaleMemberEpoch, "STALE_MEMBER_EPOCH", false},
	{MismatchedEndpointType, "MISMATCHED_ENDPOINT_TYPE", false},
	{UnsupportedEndpointType, "UNSUPPORTED_ENDPOINT_TYPE", false},
	{TransactionAbortable, "TRANSACTION_ABORTABLE", true},
	{RebootstrapRequired, "REBOOTSTRAP_REQUIRED", false},
}
