package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// setting is what a run asks of its producer; what is empty stays at the client's default.
type setting struct {
	codec, acks, idempotence string

	mechanism, secret string // it logs in as user
}

const user = "mesh"

func parseSetting(text string) setting {
	parts := strings.Split(text, "/")
	for i, part := range parts {
		if part == "-" {
			parts[i] = ""
		}
	}
	s := setting{codec: parts[0], acks: parts[1], idempotence: parts[2]}
	if len(parts) > 3 {
		s.mechanism, s.secret = parts[3], parts[4]
	}
	return s
}

// linger is how long a producer with a codec waits for company: a record alone does not get smaller.
const linger = 20 * time.Millisecond

// run is one run with one setting. Its report may be called from any goroutine.
type run struct {
	setting

	index     int
	bootstrap string
	topics    []string
	count     int
	pace      time.Duration
	start     time.Time
	mu        sync.Mutex // keeps lines apart
}

// records calls send for each record of the run, in order.
func (r *run) records(send func(rec record)) {
	for i := range r.count {
		send(recordOf(r.topics[i%len(r.topics)], r.index*1000+i))
		time.Sleep(r.pace)
	}
}

// report says what became of a record; nil is that it was stored.
func (r *run) report(topic string, number int, err error) {
	line := struct {
		Setting int    `json:"setting"`
		Topic   string `json:"topic"`
		Number  int    `json:"number"`
		MS      int64  `json:"ms"`
		Error   string `json:"error"`
	}{r.index, topic, number, time.Since(r.start).Milliseconds(), ""}
	if err != nil {
		line.Error = err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and numbers can always be marshaled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(os.Stdout, "%s\n", text)
}
