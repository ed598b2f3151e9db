package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// unanswered marks a batch whose answer has not been met yet. No broker answers with it.
const unanswered ErrorCode = math.MinInt16

// DecodeProduceResponse reads a real broker's answer to a request that AppendProduceRequest made, versions 3 to 12, and
// fills the Result of each batch. body is what follows the correlation id; nothing of it is kept. A broker may answer
// the partitions in any order.
//
// It fails with a *Violation when the body does not parse, answers something that was not asked or twice, or leaves out
// a batch. Then what became of the batches is unknown, as after a broken connection, and every Result says
// NETWORK_EXCEPTION; the connection is of no more use.
func DecodeProduceResponse(version int16, body []byte, batches []*Batch) (throttleMillis int32, err error) {
	for _, b := range batches {
		b.Result = Result{Code: unanswered}
	}
	if version < 3 || version > maxProduce {
		err = &Violation{ReasonUnsupportedVersion, fmt.Sprintf("Produce response v%d cannot be decoded", version)}
	} else {
		d := responseDecoder{reader: newReader(body, version >= ShapeProduce.Flexible), version: version, batches: batches}
		throttleMillis = d.response()
		err = d.end("Produce response", version)
	}
	if err == nil {
		return throttleMillis, nil
	}
	for _, b := range batches {
		b.Result = Failed(NetworkException, err.Error())
	}
	return 0, err
}

// responseDecoder gives answers to the batches they are for. Brokers mostly answer in the order of the request, so it
// first looks where the last answer ended; only a broker that does not costs an index.
type responseDecoder struct {
	reader

	version  int16
	batches  []*Batch
	next     int // where the next answer is expected
	answered int
	index    map[partitionOf]int
}

type partitionOf struct {
	topic     string
	partition int32
}

// response reads the whole body and gives the throttle time.
func (d *responseDecoder) response() int32 {
	d.tags() // of the response header
	for range d.list(1, "topics") {
		topic := d.str("topic")
		for range d.list(4+2+8+8, "partitions") {
			d.partition(topic)
		}
		d.tags()
	}
	throttle := d.int32("throttle time")
	d.tags() // NodeEndpoints among them: metadata says the same
	if d.ok() && d.answered < len(d.batches) {
		for _, b := range d.batches {
			if b.Result.Code == unanswered {
				d.fail(ReasonMalformedBody, "no answer for %s/%d, %d of %d batches answered", b.Topic, b.Partition, d.answered, len(d.batches))
			}
		}
	}
	return throttle
}

// partition reads the answer for one partition and gives it to its batch.
func (d *responseDecoder) partition(topic []byte) {
	number := d.int32("partition")
	res := Result{Code: ErrorCode(d.int16("error code")), LogStartOffset: -1, LeaderEpoch: -1}
	res.BaseOffset = d.int64("base offset")
	res.LogAppendTime = d.int64("log append time")
	if d.version >= 5 {
		res.LogStartOffset = d.int64("log start offset")
	}
	if d.version >= 8 {
		d.recordErrors(&res)
		res.Message = string(d.nullable("error message"))
	}
	if d.flexible {
		d.eachTag(func(tag uint32, field []byte) {
			if tag == tagCurrentLeader && d.version >= 10 && len(field) >= 8 {
				res.LeaderEpoch = int32(binary.BigEndian.Uint32(field[4:]))
			}
		})
	}
	if !d.ok() {
		return
	}
	b := d.find(topic, number)
	switch {
	case b == nil:
		d.fail(ReasonMalformedBody, "answer for %s/%d, which was not asked", topic, number)
	case b.Result.Code != unanswered || res.Code == unanswered:
		d.fail(ReasonMalformedBody, "second answer for %s/%d", topic, number)
	default:
		b.Result = res
		d.answered++
	}
}

// recordErrors reads which records made the broker drop the batch (KIP-467).
func (d *responseDecoder) recordErrors(res *Result) {
	n := d.array(4+1, "record errors")
	if n <= 0 {
		return
	}
	res.RecordErrors = make([]RecordError, n)
	for i := range res.RecordErrors {
		res.RecordErrors[i].Index = d.int32("record index")
		res.RecordErrors[i].Message = string(d.nullable("record error"))
		d.tags()
	}
}

// find is the batch of a partition; nil if there is none.
func (d *responseDecoder) find(topic []byte, partition int32) *Batch {
	if d.next < len(d.batches) {
		if b := d.batches[d.next]; b.Partition == partition && b.Topic == string(topic) {
			d.next++
			return b
		}
	}
	if d.index == nil {
		d.index = make(map[partitionOf]int, len(d.batches))
		for i, b := range d.batches {
			d.index[partitionOf{b.Topic, b.Partition}] = i
		}
	}
	i, ok := d.index[partitionOf{string(topic), partition}]
	if !ok {
		return nil
	}
	d.next = i + 1
	return d.batches[i]
}
