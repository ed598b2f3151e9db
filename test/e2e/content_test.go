package e2e

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What the clients send is a function of the client's name, the topic and the record's number i, the same in Go here, in
// clients/java/Produce.java and in clients/python/produce.py:
//
//   - i goes to topic i mod n of the client's n topics.
//   - The key is null where i mod 13 is 5, empty where it is 6, else "key-" and i mod 97.
//   - The value is null where i mod 17 is 3, empty where it is 4, else CLIENT|TOPIC|i| and 7919i mod 600 letters.
//   - The timestamps are given, and do not only rise.
//   - The headers name the client and the number; the others are there because they are easily lost: one without a
//     name, one empty, one null, and one with a name that was there before.

func record(client, topic string, i int) *kgo.Record {
	return &kgo.Record{
		Topic:     topic,
		Key:       recordKey(i),
		Value:     recordValue(client, topic, i),
		Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)*1000 - int64(i%7)*5000),
		Headers: []kgo.RecordHeader{
			{Key: "client", Value: []byte(client)},
			{Key: "number", Value: []byte(strconv.Itoa(i))},
			{Key: "", Value: []byte("no name")},
			{Key: "empty", Value: []byte{}},
			{Key: "null", Value: nil},
			{Key: "client", Value: []byte("twice")},
		},
	}
}

func recordKey(i int) []byte {
	switch i % 13 {
	case 5:
		return nil
	case 6:
		return []byte{}
	default:
		return fmt.Appendf(nil, "key-%d", i%97)
	}
}

func recordValue(client, topic string, i int) []byte {
	switch i % 17 {
	case 3:
		return nil
	case 4:
		return []byte{}
	}
	value := fmt.Appendf(nil, "%s|%s|%d|", client, topic, i)
	for j := range i * 7919 % 600 {
		value = append(value, byte('a'+(i+j)%26))
	}
	return value
}

// sending is what one client was asked to send.
type sending struct {
	client string
	count  int
	topics []string
	// repeats says that a record may be stored again later; what counts then is where it is stored first.
	repeats bool
}

// to is how many of the records go to a topic.
func (s sending) to(topic string) int {
	n := 0
	for i := range s.count {
		if s.topics[i%len(s.topics)] == topic {
			n++
		}
	}
	return n
}
