package main

import (
	"fmt"
	"strconv"
	"time"
)

type header struct {
	key   string
	value []byte
}

type record struct {
	topic      string
	number     int
	key, value []byte
	timestamp  time.Time
	headers    []header
}

func recordOf(topic string, n int) record {
	return record{
		topic: topic, number: n, key: recordKey(n), value: recordValue(topic, n),
		timestamp: time.UnixMilli(1_700_000_000_000 + int64(n)*1000 - int64(n%7)*5000),
		headers: []header{
			{"number", []byte(strconv.Itoa(n))},
			{"twice", []byte("first")},
			{"twice", []byte("second")},
			{"", []byte("no name")},
			{"empty", []byte{}},
			{"null", nil},
		},
	}
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
