package envoylog

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// handler writes records to Envoy's log, as "kafka_mesh: message key=value". The time and the level are Envoy's. Any
// goroutine may use it.
type handler struct {
	enabled func(slog.Level) bool
	write   func(slog.Level, string)

	group string // in front of keys: "a.b."
	attrs string // of With, written already: " key=value"
}

var _ slog.Handler = handler{}

// New returns a logger that writes what enabled lets through, a line for each record. Both functions may be called from any
// goroutine.
func New(enabled func(slog.Level) bool, write func(slog.Level, string)) *slog.Logger {
	return slog.New(handler{enabled: enabled, write: write})
}

// Enabled asks Envoy, whose log level may change at any time.
func (h handler) Enabled(_ context.Context, l slog.Level) bool { return h.enabled(l) }

// Handle writes one record.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("kafka_mesh: ")
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.group, a)
		return true
	})
	h.write(r.Level, b.String())
	return nil
}

// WithAttrs returns a handler that adds attrs to every record.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		appendAttr(&b, h.group, a)
	}
	h.attrs = b.String()
	return h
}

// WithGroup returns a handler that puts name in front of the keys to come.
func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range v.Group() {
			appendAttr(b, group, member)
		}
		return
	}
	if a.Key == "" {
		return
	}
	b.WriteString(" " + group + a.Key + "=")
	b.WriteString(quoted(a.Key, v.String()))
}

// quoted is text as it may stand in a line. A stack keeps its lines: it is there to be read.
func quoted(key, text string) string {
	if key != "stack" && (text == "" || strings.ContainsFunc(text, needsQuote)) {
		return strconv.Quote(text)
	}
	return text
}

func needsQuote(r rune) bool { return r == ' ' || r == '"' || r == '=' || !strconv.IsPrint(r) }
