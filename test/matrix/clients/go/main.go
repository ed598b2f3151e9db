package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// producer is one client: it sends the records of a run and reports each. An error is one of the whole run.
type producer func(r *run) error

func main() {
	clients := map[string]producer{
		"franz-go":     produceFranz,
		"sarama-async": produceSaramaAsync,
		"sarama-sync":  produceSaramaSync,
		"kafka-go":     produceKafkaGo,
		"raw-v0":       produceRaw(0),
		"raw-v1":       produceRaw(1),
		"raw-v2":       produceRaw(2),
	}
	askers := map[string]asker{"franz-go": askFranz, "sarama-sync": askSarama}
	if len(os.Args) > 3 && os.Args[2] == "ask" && askers[os.Args[1]] != nil {
		askAll(askers[os.Args[1]], os.Args[3], os.Args[4:])
		return
	}
	consumers := map[string]consumer{"franz-go": consumeFranz, "sarama": consumeSaramaJob, "kafka-go": consumeKafkaGo}
	if len(os.Args) > 4 && os.Args[2] == "consume" && consumers[os.Args[1]] != nil {
		consumeAll(consumers[os.Args[1]], os.Args[3], os.Args[4:])
		return
	}
	if len(os.Args) < 6 || clients[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go CLIENT BOOTSTRAP TOPIC,TOPIC COUNT SETTING...\n       go CLIENT ask BOOTSTRAP QUESTION=TOPIC...\n       go CLIENT consume BOOTSTRAP JOB...")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, "COUNT:", err)
		os.Exit(2)
	}
	pace, _ := strconv.Atoi(os.Getenv("PACE_MS")) // none if it is not set
	for i, text := range os.Args[5:] {
		r := &run{
			setting:   parseSetting(text),
			index:     i,
			bootstrap: os.Args[2],
			topics:    strings.Split(os.Args[3], ","),
			count:     count,
			pace:      time.Duration(pace) * time.Millisecond,
			start:     time.Now(),
		}
		if err := clients[os.Args[1]](r); err != nil {
			r.report("", -1, err)
		}
	}
}
