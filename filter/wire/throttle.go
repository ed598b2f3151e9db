package wire

import "encoding/binary"

// throttlePlace is what stands before or behind the throttle time in a response's body.
type throttlePlace uint8

const (
	throttleFirst       throttlePlace = iota // nothing stands before it
	throttleLast                             // nothing but tagged fields, of which there are none, stands behind it
	throttleBehindCode                       // an error code stands before it
	throttleBehindArray                      // an error code does, and ApiVersions' list
)

// throttles are the APIs whose responses have a throttle time (throttle_time_ms, KIP-124), and from which version on.
//
//nolint:gochecknoglobals // a constant table
var throttles = [...]struct {
	shape *Shape
	since int16
	place throttlePlace
}{
	{ShapeProduce, 1, throttleLast},
	{ShapeFetch, 1, throttleFirst},
	{ShapeListOffsets, 2, throttleFirst},
	{ShapeMetadata, 3, throttleFirst},
	{ShapeOffsetCommit, 3, throttleFirst},
	{ShapeOffsetFetch, 3, throttleFirst},
	{ShapeFindCoordinator, 1, throttleFirst},
	{ShapeJoinGroup, 2, throttleFirst},
	{ShapeHeartbeat, 1, throttleFirst},
	{ShapeLeaveGroup, 1, throttleFirst},
	{ShapeSyncGroup, 1, throttleFirst},
	{ShapeDescribeGroups, 1, throttleFirst},
	{ShapeListGroups, 1, throttleFirst},
	{ShapeApiVersions, 1, throttleBehindArray},
	{ShapeCreateTopics, 2, throttleFirst},
	{ShapeDeleteTopics, 1, throttleFirst},
	{ShapeDeleteRecords, 0, throttleFirst},
	{ShapeInitProducerID, 0, throttleFirst},
	{ShapeOffsetForLeaderEpoch, 2, throttleFirst},
	{ShapeDescribeConfigs, 0, throttleFirst},
	{ShapeAlterConfigs, 0, throttleFirst},
	{ShapeCreatePartitions, 0, throttleFirst},
	{ShapeDeleteGroups, 0, throttleFirst},
	{ShapeIncrementalAlterConfigs, 0, throttleFirst},
	{ShapeOffsetDelete, 0, throttleBehindCode},
	{ShapeDescribeCluster, 0, throttleFirst},
	{ShapeConsumerGroupHeartbeat, 0, throttleFirst},
	{ShapeConsumerGroupDescribe, 0, throttleFirst},
	{ShapeDescribeTopicPartitions, 0, throttleFirst},
}

// throttleSize is the size of a throttle time.
const throttleSize = 4

// RaiseThrottle has the response that answers h tell its client to wait for so many milliseconds, unless it tells of more already. It
// reports false if responses of that version tell nothing of that. frame is the whole frame; or its beginning, before the first records.
func RaiseThrottle(h Header, frame []byte, millis int32) bool {
	at := throttleAt(h, frame)
	if at < 0 || at+throttleSize > len(frame) {
		return false
	}
	if b := frame[at:]; int32(binary.BigEndian.Uint32(b)) < millis {
		binary.BigEndian.PutUint32(b, uint32(millis))
	}
	return true
}

// throttleAt is where in a frame the throttle time is, negative if it is nowhere.
func throttleAt(h Header, frame []byte) int {
	const head = lengthSize + 4 // and the correlation id
	for i := range throttles {
		of := &throttles[i]
		if of.shape.Key != h.Key {
			continue
		}
		tags := 0 // bytes of the header's tagged fields, or of the body's
		if h.Version >= of.shape.Flexible {
			tags = 1
		}
		switch {
		case h.Version < of.since:
			return -1
		case of.place == throttleLast:
			return len(frame) - tags - throttleSize
		case of.place == throttleBehindCode:
			return head + tags + 2
		case of.place == throttleBehindArray:
			return behindVersions(frame, head, tags > 0)
		default:
			return head + tags
		}
	}
	return -1
}

// behindVersions is where ApiVersions' list of versions ends, of a response whose body begins at head; negative if there is none that the
// client has asked for.
func behindVersions(frame []byte, head int, flexible bool) int {
	if len(frame) < head {
		return -1
	}
	r := newReader(frame[head:], flexible)
	if r.int16("error code") == int16(UnsupportedVersion) { // in version 0
		return -1
	}
	for range r.list(6, "versions") {
		r.int16("api key")
		r.int32("versions")
		r.tags()
	}
	if !r.ok() {
		return -1
	}
	return len(frame) - len(r.src)
}
