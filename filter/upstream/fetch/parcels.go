package fetch

import (
	"bytes"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What is taken of an answer is copied if it is less than one part in fewParts of an answer of no less than largeAnswer bytes: who does not
// read it would hold all of the answer, and only what is taken is counted.
const (
	fewParts    = 4
	largeAnswer = 64 << 10
)

// parcels are what is taken together of polls' answers.
type parcels []parcel

// parcel is what is told of one partition, and the poll that is held for it.
type parcel struct {
	from *poll
	told *wire.Fetched
}

// add adds what was taken of a poll; nil: of none.
func (p *parcels) add(from *poll, told *wire.Fetched) {
	if from != nil {
		from.taking += len(told.Records)
		*p = append(*p, parcel{from, told})
	}
}

// detach copies what is a small part of a large answer. It returns the polls that are held all the same, and those that need not be any more.
func (p *parcels) detach() (held, copied releases) {
	for _, one := range *p {
		q := one.from
		if q.memory < largeAnswer || q.taking >= q.memory/fewParts {
			held.add(q)
			continue
		}
		one.told.Records = bytes.Clone(one.told.Records)
		copied.add(q)
	}
	for _, one := range *p {
		one.from.taking = 0
	}
	return held, copied
}
