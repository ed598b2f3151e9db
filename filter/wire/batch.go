package wire

// Batch is one record batch on its way to one partition of one topic.
//
// The upstream path fills Result and then reports that the batch is done; until that report Records must not change,
// afterwards nobody reads it any more.
type Batch struct {
	Topic     string
	Partition int32
	// Records is the batch as the client sent it, 61 bytes of header and then the records. It points into the client's
	// frame; only a batch that was converted from a message set has memory of its own.
	Records []byte
	// Count is how many records its header says it has; 0 until somebody has looked.
	Count  int32
	Result Result
	// WaitedMicros is how many microseconds it took from when its cluster got it until it was sent, and UpstreamMicros how many from then
	// until its result. Zero: it was not sent.
	WaitedMicros, UpstreamMicros int64
}

// producerIDAt is where a record batch has its producer id.
const producerIDAt = 43

// Idempotent says whether a record batch has a producer id.
func Idempotent(batch []byte) bool { return len(batch) > producerIDAt && batch[producerIDAt]&0x80 == 0 }

// Result is what a broker answered for one batch (ProduceResponse.json, PartitionProduceResponse).
type Result struct {
	Code           ErrorCode
	BaseOffset     int64 // first offset given to the batch; -1 when it was not stored
	LogAppendTime  int64 // milliseconds; -1 unless the topic uses LogAppendTime
	LogStartOffset int64 // -1 when unknown
	LeaderEpoch    int32 // of the current leader, with NOT_LEADER_OR_FOLLOWER from version 10 on; -1 when unknown
	RecordErrors   []RecordError
	Message        string // empty: none
}

// RecordError names one record of a batch that made the broker drop the whole batch (KIP-467).
type RecordError struct {
	Index   int32 // of the record within its batch
	Message string
}

// Failed is the result of a batch that was not stored, as a broker spells it.
func Failed(code ErrorCode, message string) Result {
	return Result{Code: code, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1, LeaderEpoch: -1, Message: message}
}
