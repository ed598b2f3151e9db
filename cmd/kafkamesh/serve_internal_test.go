package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// apiVersions is an ApiVersions request of version 0 with correlation id 7 and no client id.
const apiVersions = "\x00\x00\x00\x0a" + "\x00\x12" + "\x00\x00" + "\x00\x00\x00\x07" + "\xff\xff"

// TestServe serves a client, is told to stop, and accounts for what it did.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stderr, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve", "--config", "-", "--listen", "127.0.0.1:0", "--admin", "off"},
			streams{strings.NewReader(good), printer{io.Discard}, printer{w}})
		w.Close()
	}()
	lines := bufio.NewScanner(stderr)
	addr := ""
	for listening := regexp.MustCompile(`msg=listening address=(\S+)`); addr == "" && lines.Scan(); {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			addr = m[1]
		}
	}
	rest := make(chan string, 1)
	go func() {
		var b strings.Builder
		for lines.Scan() {
			b.WriteString(lines.Text() + "\n")
		}
		rest <- b.String()
	}()

	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(nc, apiVersions)
	head := make([]byte, 10)
	if _, err := io.ReadFull(nc, head); err != nil || string(head[4:]) != "\x00\x00\x00\x07\x00\x00" {
		t.Errorf("answer = % x, %v, want correlation id 7 and no error", head, err)
	}
	stop()
	io.Copy(io.Discard, nc)
	nc.Close()
	if got := <-code; got != exitOK {
		t.Errorf("exit code = %d, want %d", got, exitOK)
	}
	_, metrics, _ := strings.Cut(<-rest, "metrics, ")
	want := `those that are not zero:
  connections 1 connections
  requests.api_versions 1 requests
  request_time_us.api_versions 1 times, half within N, 99 of 100 within N microseconds
  api.api_versions.v0.requests 1 requests
  clients.unnamed.connections 1 connections
`
	metrics = regexp.MustCompile(`within \d+`).ReplaceAllString(metrics, "within N")
	metrics = regexp.MustCompile(`(\S) +`).ReplaceAllString(metrics, "$1 ")
	metrics = regexp.MustCompile(`  cluster\..*\n`).ReplaceAllString(metrics, "") // nobody listens there: how often that was tried by now
	if diff := cmp.Diff(want, metrics); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // after the subtests
	for _, tc := range []struct{ name, text, listen, err string }{
		{"mistakes", bad, "127.0.0.1:0", `FILE:3:21: forwarding_rules[0].target_cluster: there is no cluster "kafka_c9"`},
		{"a busy port", good, l.Addr().String(), "address already in use"},
		{"an address that is none", good, "127.0.0.1", "missing port"},
		{
			"two filters", `resources: [{"@type": x.KafkaMesh}, {"@type": x.KafkaMesh}]`, "127.0.0.1:0",
			"FILE: holds 2 filters; serve needs a file with one",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "kafka_mesh.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			code := run(t.Context(), []string{"serve", "--config", file, "--listen", tc.listen, "--admin", "off"},
				streams{strings.NewReader(""), printer{io.Discard}, printer{&stderr}})
			if got := strings.ReplaceAll(stderr.String(), file, "FILE"); code != exitFailed || !strings.Contains(got, tc.err) {
				t.Errorf("serve = %d, %q, want %d, %q", code, got, exitFailed, tc.err)
			}
		})
	}
}

// TestServeWarnsOfWhatNeedsTLS has configurations that ask for what clients can have with TLS alone.
func TestServeWarnsOfWhatNeedsTLS(t *testing.T) {
	t.Parallel()
	all := &config.Logins{Settings: login.Settings{Mechanisms: []string{login.Plain, login.ScramSHA256, login.OAuthBearer}}}
	bare := *all
	bare.Bare = true
	for name, tt := range map[string]struct {
		c    config.Config
		want []string
	}{
		"nothing":          {config.Config{}, nil},
		"logins":           {config.Config{Logins: all}, []string{"PLAIN is offered to nobody", "OAUTHBEARER is offered to nobody"}},
		"logins, with TLS": {config.Config{Logins: all, ListenTLS: &config.ListenTLS{}}, nil},
		"logins, without":  {config.Config{Logins: &bare}, nil},
		"certificates":     {config.Config{NamedBy: config.NamedByURI}, []string{"calls nobody by a certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := withoutTLS(&tt.c)
			if len(got) != len(tt.want) {
				t.Fatalf("%q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("%q, want %q", got[i], want)
				}
			}
		})
	}
}
