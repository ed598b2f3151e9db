package wire

import "fmt"

// ProduceRequest is a Produce request taken apart into its batches (ProduceRequest.json, versions 0 to 12).
type ProduceRequest struct {
	TransactionalID *string // nil outside of transactions
	Acks            int16   // -1 all, 0 none (and no response), 1 leader; anything else is the broker's to refuse
	TimeoutMillis   int32
	Topics          []ProduceTopic
}

// ProduceTopic is one topic of a Produce request and what goes into its partitions.
type ProduceTopic struct {
	Name    string
	Batches []Batch
}

// maxProduce is the newest version of Produce that is read and written here. Version 13 names topics by id.
const maxProduce = 12

// DecodeProduce reads the body of a Produce request. Batch.Records points into body and is nil where the records are
// null; every Result is zero. A partition that is named twice is there twice.
//
// In versions 0 to 2 the shape is the same and the records are message sets of magic 0 or 1.
//
// Anything wrong is a *Violation; then the request is empty. Bytes behind the request are not looked at.
func DecodeProduce(version int16, body []byte) (ProduceRequest, error) {
	if version < 0 || version > maxProduce {
		return ProduceRequest{}, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("Produce v%d cannot be decoded", version)}
	}
	r := newReader(body, version >= ShapeProduce.Flexible)
	var req ProduceRequest
	if version >= 3 {
		if id := r.nullable("transactional id"); id != nil {
			req.TransactionalID = new(string(id))
		}
	}
	req.Acks = r.int16("acks")
	req.TimeoutMillis = r.int32("timeout")
	least := 2 + 4
	if r.flexible {
		least = 1 + 1 + 1
	}
	var one []Batch
	switch n := r.list(least, "topics"); {
	case n == 1: // as most requests: with one batch or more
		usual := new(struct {
			topic [1]ProduceTopic
			batch [1]Batch
		})
		req.Topics, one = usual.topic[:], usual.batch[:]
	case n > 1:
		req.Topics = make([]ProduceTopic, n)
	}
	for i := range req.Topics {
		r.produceTopic(&req.Topics[i], one)
	}
	r.tags()
	if err := r.endRequest("Produce", version); err != nil {
		return ProduceRequest{}, err
	}
	return req, nil
}

// produceTopic reads one topic into t. If there are as many batches, they are put into room.
func (r *reader) produceTopic(t *ProduceTopic, room []Batch) {
	t.Name = string(r.str("topic"))
	least := 4 + 4
	if r.flexible {
		least = 4 + 1 + 1
	}
	switch n := r.list(least, "partitions"); {
	case n > 0 && n == len(room):
		t.Batches = room
	case n > 0:
		t.Batches = make([]Batch, n)
	}
	for i := range t.Batches {
		b := &t.Batches[i]
		b.Topic = t.Name
		b.Partition = r.int32("partition")
		b.Records = r.bytes("records")
		r.tags()
	}
	r.tags()
}
