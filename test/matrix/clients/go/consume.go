package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	consumeLimit = 60 * time.Second // until a job gives up
	partitions   = 2                // of each topic
)

// consumer reads what its job says, commits and leaves the group.
type consumer func(ctx context.Context, bootstrap string, j *job) error

// job is what a consumer is to read. Its record may be called from any goroutine.
type job struct {
	index int
	group string // none if the partitions are assigned
	names []string
	count int
	start time.Time

	mu   sync.Mutex // keeps lines apart
	seen int
}

// consumeAll does jobs, one after the other.
func consumeAll(consume consumer, bootstrap string, jobs []string) {
	for i, text := range jobs {
		parts := strings.Split(text, "/")
		count, err := strconv.Atoi(parts[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, "COUNT:", err)
			os.Exit(2)
		}
		j := &job{index: i, names: strings.Split(parts[2], ","), count: count, start: time.Now()}
		if parts[0] != "assign" {
			j.group = parts[1]
		}
		ctx, cancel := context.WithTimeout(context.Background(), consumeLimit)
		err = consume(ctx, bootstrap, j)
		cancel()
		end := map[string]any{"job": i, "ms": time.Since(j.start).Milliseconds(), "error": ""}
		if err != nil {
			end["error"] = err.Error()
		}
		j.say(end)
	}
}

// record says what was read, and reports whether there is more to read.
func (j *job) record(topic string, partition int32, offset int64, key, value []byte) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := map[string]any{"job": j.index, "topic": topic, "partition": partition, "offset": offset, "key": nil, "value": nil}
	if key != nil {
		line["key"] = string(key)
	}
	if value != nil {
		line["value"] = fmt.Sprintf("%08x", crc32.ChecksumIEEE(value))
	}
	j.say(line)
	j.seen++
	return j.seen < j.count
}

func (j *job) say(line map[string]any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and numbers can always be marshaled
	}
	fmt.Fprintf(os.Stdout, "%s\n", text)
}
