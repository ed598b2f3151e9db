package wire

import (
	"encoding/binary"
	"math"
)

// MeshClusterID is the cluster id that clients of a mesh are told, the same for every mesh: see docs/decisions.md.
const MeshClusterID = "kafkamesh"

// MetadataResponse is what AppendMetadataResponse writes: one broker, node 0, and topics that it leads.
type MetadataResponse struct {
	Host      string
	Port      int32
	ClusterID string
	Topics    []MetadataTopic
}

// MetadataTopic is one topic as clients are told of it.
type MetadataTopic struct {
	Topic

	Most     int32 // how many of its partitions are told of at most; 0: all
	NoEpochs bool  // its leader epochs are not told
}

// unknownOperations is for authorized operations that are not told.
const unknownOperations = math.MinInt32

// Told are the partitions that clients are told of.
func (t *MetadataTopic) Told() []Partition {
	switch {
	case t.Code != None:
		return nil
	case t.Most > 0 && int(t.Most) < len(t.Partitions):
		return t.Partitions[:t.Most]
	default:
		return t.Partitions
	}
}

// Size is at least the size of the frame that AppendMetadataResponse appends, and not much more.
func (r *MetadataResponse) Size() int {
	const (
		head      = 4 + 4 + 1 + 4 + 4 + 4 + 2 + 4 + 2 + 2 + 4 + 4 + 4 + 1 + 1
		topic     = 2 + 2 + 16 + 1 + 5 + 4 + 1
		partition = 2 + 4 + 4 + 4 + (4 + 4) + (4 + 4) + 4 + 1
	)
	n := head + len(r.Host) + len(r.ClusterID)
	for i := range r.Topics {
		t := &r.Topics[i]
		n += topic + len(t.Name) + partition*len(t.Told())
	}
	return n
}

// AppendMetadataResponse appends the whole frame that answers the Metadata request h (MetadataResponse.json, versions 0 to 12).
// Node 0 is leader, replica and in-sync replica of every partition that has a leader. It keeps neither dst nor r.
func AppendMetadataResponse(dst []byte, h Header, r *MetadataResponse) []byte {
	start, v := len(dst), h.Version
	flexible := v >= ShapeMetadata.Flexible
	dst = appendResponseHeader(dst, h.CorrelationID, flexible)
	if v >= 3 {
		dst = binary.BigEndian.AppendUint32(dst, 0) // throttle time
	}
	dst = appendCount(dst, flexible, 1)
	dst = binary.BigEndian.AppendUint32(dst, 0) // node id
	dst = appendString(dst, flexible, r.Host)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Port))
	if v >= 1 {
		dst = appendNullable(dst, flexible, "") // rack
	}
	dst = appendTags(dst, flexible)
	if v >= 2 {
		dst = appendNullable(dst, flexible, r.ClusterID)
	}
	if v >= 1 {
		dst = binary.BigEndian.AppendUint32(dst, 0) // controller
	}
	dst = appendCount(dst, flexible, len(r.Topics))
	for i := range r.Topics {
		dst = appendMetadataTopic(dst, v, flexible, &r.Topics[i])
	}
	if 8 <= v && v <= 10 {
		dst = appendOperations(dst)
	}
	dst = appendTags(dst, flexible)
	return endFrame(dst, start)
}

func appendMetadataTopic(dst []byte, version int16, flexible bool, t *MetadataTopic) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(t.Code))
	if version >= 12 && t.Code == UnknownTopicID { // the id is all there is
		dst = appendNullable(dst, flexible, t.Name)
	} else {
		dst = appendString(dst, flexible, t.Name)
	}
	if version >= 10 {
		dst = append(dst, t.ID[:]...)
	}
	if version >= 1 {
		dst = appendBool(dst, t.Internal)
	}
	told := t.Told()
	dst = appendCount(dst, flexible, len(told))
	for i := range told {
		epoch := told[i].LeaderEpoch
		if t.NoEpochs {
			epoch = -1
		}
		dst = appendMetadataPartition(dst, version, flexible, &told[i], epoch)
	}
	if version >= 8 {
		dst = appendOperations(dst)
	}
	return appendTags(dst, flexible)
}

func appendMetadataPartition(dst []byte, version int16, flexible bool, p *Partition, epoch int32) []byte {
	code, leader, inSync := None, int32(0), 1
	if p.Leader < 0 {
		code, leader, inSync = LeaderNotAvailable, -1, 0
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Index))
	dst = binary.BigEndian.AppendUint32(dst, uint32(leader))
	if version >= 7 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(epoch))
	}
	dst = appendZeros(dst, flexible, 1) // replicas
	dst = appendZeros(dst, flexible, inSync)
	if version >= 5 {
		dst = appendCount(dst, flexible, 0) // offline replicas
	}
	return appendTags(dst, flexible)
}

// appendZeros appends an array of n times node 0.
func appendZeros(dst []byte, flexible bool, n int) []byte {
	dst = appendCount(dst, flexible, n)
	for range n {
		dst = binary.BigEndian.AppendUint32(dst, 0)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendOperations(dst []byte) []byte {
	var unknown int32 = unknownOperations
	return binary.BigEndian.AppendUint32(dst, uint32(unknown))
}
