package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// askLimit is how long a client may try before it says what is wrong.
const askLimit = 5 * time.Second

// asker is what a client does besides producing: it answers a question about a topic.
type asker func(ctx context.Context, bootstrap, question, topic string) (string, error)

// askAll answers QUESTION=TOPIC arguments, one line each.
func askAll(ask asker, bootstrap string, questions []string) {
	for _, text := range questions {
		question, topic, _ := strings.Cut(text, "=")
		start := time.Now()
		answer, err := askOnce(ask, bootstrap, question, topic)
		line := map[string]any{"question": text, "answer": answer, "ms": time.Since(start).Milliseconds(), "error": ""}
		if err != nil {
			line["error"] = err.Error()
		}
		out, err := json.Marshal(line)
		if err != nil {
			panic(err) // strings and numbers can always be marshaled
		}
		fmt.Fprintf(os.Stdout, "%s\n", out)
	}
}

func askOnce(ask asker, bootstrap, question, topic string) (string, error) {
	if question != "reconnect" {
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		defer cancel()
		return ask(ctx, bootstrap, question, topic)
	}
	for range 10 {
		if _, err := askOnce(ask, bootstrap, "topic", topic); err != nil {
			return "", err
		}
	}
	return "10 times", nil
}

// listed is a list of topics as an answer.
func listed(topics []string) string {
	slices.Sort(topics)
	return strings.Join(topics, " ")
}
