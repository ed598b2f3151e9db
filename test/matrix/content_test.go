package matrix

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is in a record follows from its topic and its number n, in all of clients/ alike:
//
//   - The key is null where n mod 13 is 5, empty where it is 6, else "key-" and n.
//   - The value is null where n mod 13 is 3, empty where it is 4, else TOPIC|n| and 100 + 7919n mod 500 letters.
//   - The timestamps are given, and do not only rise.
//   - The headers are n, one name twice, one without a name, one empty, one null.
//
// So the number of a record can be told from its key or its value, without headers: driver.Number does.

// record is a record as a client that lacks some of it can send it.
func record(topic string, n int, w wont) *kgo.Record {
	r := &kgo.Record{
		Topic:     topic,
		Key:       recordKey(n),
		Value:     recordValue(topic, n),
		Timestamp: time.UnixMilli(1_700_000_000_000 + int64(n)*1000 - int64(n%7)*5000),
	}
	if w.timestamps == noTimes {
		r.Timestamp = time.UnixMilli(-1)
	}
	switch w.headers {
	case allHeaders, noNullHeader:
		r.Headers = []kgo.RecordHeader{
			{Key: "number", Value: []byte(strconv.Itoa(n))},
			{Key: "twice", Value: []byte("first")},
			{Key: "twice", Value: []byte("second")},
			{Key: "", Value: []byte("no name")},
			{Key: "empty", Value: []byte{}},
			{Key: "null", Value: nil},
		}
		if w.headers == noNullHeader {
			r.Headers = r.Headers[:len(r.Headers)-1]
		}
	case kcatHeaders:
		r.Headers = []kgo.RecordHeader{
			{Key: "twice", Value: []byte("first")},
			{Key: "twice", Value: []byte("second")},
			{Key: "empty", Value: []byte{}},
			{Key: "null", Value: nil},
		}
	case noHeaders:
	}
	if w.emptyValues {
		r.Key, r.Value = nullIfEmpty(r.Key), nullIfEmpty(r.Value)
	}
	return r
}

func recordKey(n int) []byte {
	switch n % 13 {
	case 5:
		return nil
	case 6:
		return []byte{}
	default:
		return fmt.Appendf(nil, "key-%d", n)
	}
}

func recordValue(topic string, n int) []byte {
	switch n % 13 {
	case 3:
		return nil
	case 4:
		return []byte{}
	}
	value := fmt.Appendf(nil, "%s|%d|", topic, n)
	for j := range 100 + n*7919%500 {
		value = append(value, byte('a'+(n+j)%26))
	}
	return value
}

func nullIfEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
