package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// logging is what serve's flags say of its log.
type logging struct {
	// level may be changed while the log is in use.
	level slog.LevelVar
	json  bool
}

// logFlags declares the flags.
func logFlags(f *flag.FlagSet) *logging {
	l := new(logging)
	f.Func("log-level", "the least `LEVEL` that is logged: debug, info, warn or error (default info)", func(text string) error {
		return oneOf(text, map[string]func(){
			"debug": func() { l.level.Set(slog.LevelDebug) }, "info": func() { l.level.Set(slog.LevelInfo) },
			"warn": func() { l.level.Set(slog.LevelWarn) }, "error": func() { l.level.Set(slog.LevelError) },
		}, "debug, info, warn or error")
	})
	f.Func("log-format", "the `FORMAT` of the log: text, or json, which has an object on each line (default text)", func(text string) error {
		return oneOf(text, map[string]func(){"text": func() { l.json = false }, "json": func() { l.json = true }}, "text or json")
	})
	return l
}

// oneOf does what a word means, if it means something.
func oneOf(word string, meanings map[string]func(), known string) error {
	do := meanings[word]
	if do == nil {
		return fmt.Errorf("write %s", known)
	}
	do()
	return nil
}

// logger writes to w.
func (l *logging) logger(w printer) *slog.Logger {
	o := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: inWords}
	if l.json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// inWords has JSON say durations and addresses as text does: 5s, 127.0.0.1:9092.
func inWords(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case time.Duration:
		a.Value = slog.StringValue(v.String())
	case net.Addr:
		a.Value = slog.StringValue(v.String())
	}
	return a
}

// beside is where lines go that are no log's: to w as they are or, where every line is to be an object, to the log.
func (l *logging) beside(w printer, log *slog.Logger, level slog.Level) printer {
	if l.json {
		return printer{recorder{log, level}}
	}
	return w
}

// recorder makes records of the log of lines that are written, each in one piece.
type recorder struct {
	log   *slog.Logger
	level slog.Level
}

// Write implements io.Writer.
func (r recorder) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		r.log.Log(context.Background(), r.level, strings.TrimSpace(string(line)))
	}
	return len(p), nil
}

// sayMetrics tells the metrics that are not zero, at the end.
func (l *logging) sayMetrics(w printer, log *slog.Logger, samples []stats.Sample) {
	if !l.json {
		printMetrics(w, samples)
		return
	}
	var values []any
	for i := range samples {
		switch s := &samples[i]; {
		case s.IsZero():
		case s.Sizes != nil:
			values = append(values, slog.Group(s.Name, "times", s.Sizes.Count(), "half", s.Sizes.Quantile(1./2), "most", s.Sizes.Quantile(99./100)))
		default:
			values = append(values, slog.Int64(s.Name, s.Value))
		}
	}
	log.Info("metrics, those that are not zero", slog.Group("metrics", values...))
}
