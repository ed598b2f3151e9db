package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// serveFor runs serve until it has said that it listens and meet has been with it, or until it ends. It gives what was said.
func serveFor(t *testing.T, config string, flags []string, meet func(addr string)) (code int, said []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stderr, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--config", "-", "--listen", "127.0.0.1:0"}, flags...),
			streams{strings.NewReader(config), printer{io.Discard}, printer{w}})
		w.Close()
	}()
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said = append(said, lines.Text())
		if _, rest, ok := strings.Cut(lines.Text(), "listening"); ok {
			addr := rest[strings.Index(rest, "127"):]
			go func() {
				defer stop()
				meet(strings.Trim(addr, `"}`))
			}()
		}
	}
	return <-ended, said
}

// visit has a client ask for versions, and go.
func visit(t *testing.T, addr string) {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(nc, apiVersions)
	if _, err := io.ReadFull(nc, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	nc.(*net.TCPConn).CloseWrite() //nolint:forcetypeassert // it is one
	io.Copy(io.Discard, nc)        // until we are gone for the mesh
}

// Every line of a log in JSON is an object, whatever there is to say.
func TestJSON(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.yaml")
	warned := strings.Replace(good, `"127.0.0.1:1"}`, `"127.0.0.1:1", producer_config: {security.protocol: sasl_plaintext, `+
		`sasl.mechanisms: PLAIN, sasl.username: a, sasl.password: b}}`, 1)
	for _, tt := range []struct {
		name, config string
		flags        []string
		code         int
		want         []string // messages
	}{
		{"well", good, nil, exitOK, []string{
			"kafkamesh", "configuration taken", "listening", "a client has connected", "a client is gone",
			"configuration let go", "metrics, those that are not zero",
		}},
		{"a warning", warned, nil, exitOK, []string{"configuration taken", "WARN"}},
		{"mistakes", bad, nil, exitFailed, []string{"kafkamesh"}},
		{"no file", "", []string{"--config", missing}, exitFailed, []string{"kafkamesh ends"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, said := serveFor(t, tt.config, append(tt.flags, "--log-format", "json", "--log-level", "debug"), func(addr string) { visit(t, addr) })
			if code != tt.code {
				t.Errorf("exit code = %d, want %d", code, tt.code)
			}
			var messages []string
			for _, line := range said {
				var fields map[string]any
				if err := json.Unmarshal([]byte(line), &fields); err != nil {
					t.Errorf("%q: %v", line, err)
					continue
				}
				message, _ := fields["msg"].(string)
				level, _ := fields["level"].(string)
				messages = append(messages, message, level)
				for key, value := range fields {
					if _, number := value.(float64); number && key == "for" {
						t.Errorf("%q has a duration as a number", line)
					}
				}
			}
			for _, want := range tt.want {
				if !slices.Contains(messages, want) {
					t.Errorf("nothing says %q:\n%s", want, strings.Join(said, "\n"))
				}
			}
		})
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]map[string]bool{
		"debug": {"DEBUG": true, "INFO": true},
		"info":  {"DEBUG": false, "INFO": true},
	} {
		_, said := serveFor(t, good, []string{"--log-level", level}, func(addr string) { visit(t, addr) })
		for name, there := range want {
			if got := strings.Contains(strings.Join(said, "\n"), "level="+name); got != there {
				t.Errorf("--log-level %s: lines of level %s: %t, want %t", level, name, got, there)
			}
		}
	}
}

func TestLogFlagsRefused(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{"--log-level", "loud"}, {"--log-format", "xml"}, {"--log-level", "INFO+2"}} {
		var stderr strings.Builder
		code := run(t.Context(), append([]string{"serve", "--config", "-"}, flags...),
			streams{strings.NewReader(good), printer{io.Discard}, printer{&stderr}})
		if code != exitUsage || !strings.Contains(stderr.String(), flags[1]) || !strings.Contains(stderr.String(), "write ") {
			t.Errorf("%v: %d, %q; want what may be written", flags, code, stderr.String())
		}
	}
}
