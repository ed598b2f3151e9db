package wire

// MaxTopicName is how many bytes the name of a topic may have (Topic.java).
const MaxTopicName = 249

// ValidTopicName says whether a topic can have this name: a broker makes none with another, and answers INVALID_TOPIC_EXCEPTION.
func ValidTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > MaxTopicName {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// Topic is what a cluster says of one topic (MetadataResponse.json).
type Topic struct {
	Name       string
	ID         [16]byte // zero when the cluster is too old to have topic ids
	Code       ErrorCode
	Internal   bool
	Remembered bool        // its cluster is known not to answer: this is what it said before
	Partitions []Partition // by index, none missing, unless Code is set
}

// Partition is what a cluster says of one partition.
type Partition struct {
	Index       int32
	Code        ErrorCode
	Leader      int32 // the upstream's node id; -1 when there is no leader
	LeaderEpoch int32 // -1 when the cluster does not say
}

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}
