package fetch

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// decoder gives a broker's answers to the partitions they are for. Brokers mostly answer in the order of the request, so it first looks
// where the last answer ended.
type decoder struct {
	answers

	poll    *poll
	byID    bool
	records int // bytes
	next    int
	index   map[place]int // made when a broker does not; with either the name or the id of a topic, as the broker names it
	fault   error
}

// answers are what a broker has answered for the partitions of a poll.
type answers struct {
	told  []wire.Fetched
	which []int32 // for each partition, which of them is for it, counted from 1; 0: none
	blank wire.Fetched
}

// of is what was answered for a partition of the poll: nothing new, if it was left out.
func (a *answers) of(i int) *wire.Fetched {
	if n := a.which[i]; n > 0 {
		return &a.told[n-1]
	}
	return &a.blank
}

func newDecoder(q *poll, version int16) *decoder {
	d := &decoder{poll: q, byID: wire.FetchNamesByID(version), answers: answers{
		which: make([]int32, len(q.partitions)), blank: wire.Fetched{HighWatermark: -1},
	}}
	if !q.goesOn {
		d.told = make([]wire.Fetched, 0, len(q.partitions))
	}
	return d
}

// take takes the answer for one partition.
func (d *decoder) take(name []byte, id [16]byte, f *wire.Fetched) {
	i := d.find(name, id, f.Partition)
	if i < 0 {
		if d.fault == nil {
			d.fault = fmt.Errorf("fetch: an answer for partition %d of a topic that was not asked for", f.Partition)
		}
		return
	}
	if n := d.which[i]; n > 0 { // again
		d.told[n-1] = *f
	} else {
		d.told = append(d.told, *f)
		d.which[i] = int32(len(d.told))
	}
	d.records += len(f.Records)
	d.next = i + 1
}

// find is the place of a partition in the request; -1: it has none.
func (d *decoder) find(name []byte, id [16]byte, number int32) int {
	q := d.poll
	if i := d.next; i < len(d.which) && q.partitions[i].at.partition == number {
		if t := &q.request.Topics[q.topics[i]]; d.byID && t.ID == id || !d.byID && t.Name == string(name) {
			return i
		}
	}
	if s := q.line.session; s != nil && (q.begins || q.goesOn) {
		if known := s.spots[d.key(name, id, number)]; known != nil {
			return known.at
		}
		return -1
	}
	if d.index == nil {
		d.index = make(map[place]int, len(d.which))
		for i, known := range q.partitions {
			t := &q.request.Topics[q.topics[i]]
			d.index[d.key([]byte(t.Name), t.ID, known.at.partition)] = i
		}
	}
	if i, there := d.index[d.key(name, id, number)]; there {
		return i
	}
	return -1
}

func (d *decoder) key(name []byte, id [16]byte, number int32) place {
	if d.byID {
		return place{topic{id: id}, number}
	}
	return place{topic{name: string(name)}, number}
}
