//go:build onrequest

package tools

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestStreams has Kafka Streams count the words of lines of one cluster and write the counts to the other, its topics for what is in
// between being there too. It ends in the middle, and another process goes on where it was.
//
//nolint:tparallel // one way after the other
func TestStreams(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, w way) {
		t.Helper()
		in, out := w.bananas("lines"), w.apples("counts")
		w.create(t, []string{out}, []string{in})
		first, second := lines(0, 300), lines(300, 500)
		write(t, w.second(), in, first...)
		counts := reader{Client: client(t, w.clusters[0], kgo.ConsumeTopics(out)), last: map[string]string{}}
		one := w.wordCount(t, in, out)
		counts.await(t, wordsOf(first))
		one.Stop()
		write(t, w.second(), in, second...)
		w.wordCount(t, in, out)
		counts.await(t, wordsOf(first, second))
	})
}

// wordCount starts the program that counts.
func (w way) wordCount(t *testing.T, in, out string) *stack.Process {
	t.Helper()
	return launch(t, "WordCount", w.java(context.Background(), "WordCount", w.addr, "streams-"+w.name, t.TempDir(), in, out))
}

// lines are lines of some words each.
func lines(from, to int) []string {
	var list []string
	for n := from; n < to; n++ {
		list = append(list, fmt.Sprintf("word%d of line%d and word%d", n%7, n%50, n%13))
	}
	return list
}

// wordsOf is how often each word is in lines.
func wordsOf(texts ...[]string) map[string]string {
	numbers := map[string]int{}
	for _, list := range texts {
		for _, line := range list {
			for word := range strings.FieldsSeq(line) {
				numbers[word]++
			}
		}
	}
	counts := map[string]string{}
	for word, n := range numbers {
		counts[word] = strconv.Itoa(n)
	}
	return counts
}

// reader reads a topic and knows the last value of each key.
type reader struct {
	*kgo.Client

	last map[string]string
}

// await reads until the last values are those. Counts that are written twice differ: they only rise, and none may rise too far.
func (r *reader) await(t *testing.T, want map[string]string) {
	t.Helper()
	stack.Wait(t, "the counts", func() error {
		r.PollFetches(t.Context()).EachRecord(func(one *kgo.Record) { r.last[string(one.Key)] = string(one.Value) })
		if !maps.Equal(r.last, want) {
			return fmt.Errorf("counts are %v, want %v", r.last, want)
		}
		return nil
	})
}
