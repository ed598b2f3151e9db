package guide

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// watched is a mesh that somebody on call looks at.
type watched struct {
	t         *testing.T
	addr      string
	config    string // a file
	accessLog string
	process   *stack.StandaloneProcess
}

// watch starts a mesh with logins, rules and quotas before two clusters.
func watch(t *testing.T) *watched {
	t.Helper()
	dir := t.TempDir()
	w := &watched{t: t, addr: stack.Addr(t), config: filepath.Join(dir, "mesh.yaml"), accessLog: filepath.Join(dir, "access.log")}
	orders, payments := stack.Fake(t, stack.FakeOptions{}), stack.Fake(t, stack.FakeOptions{})
	text := fmt.Sprintf(`
access_log: {path: %q, share: 1}
authentication: {sasl: {optional: true, plain: {}, allow_plain_without_tls: true, users_file: %q}}
authorization:
  rules:
  - {name: no-secrets, effect: EFFECT_DENY, principals: ["*"], operations: [OPERATION_ALL], topics: ["orders.secret*"]}
  - {effect: EFFECT_ALLOW, principals: ["*"], operations: [OPERATION_ALL], topics: ["*"], groups: ["*"]}
quotas: {rules: [{name: few, principals: ["*"], client_ids: ["nightly-*"], requests_per_second: 1}]}
upstream_clusters:
- {cluster_name: orders, bootstrap_servers: %q}
- {cluster_name: payments, bootstrap_servers: %q}
forwarding_rules: [{target_cluster: orders, topic_prefix: orders.}, {target_cluster: payments, topic_prefix: payments.}]
`, w.accessLog, usersFile(t, "ann", "--iterations", "4096"), orders.Addr(), payments.Addr())
	stack.Check(t, os.WriteFile(w.config, []byte(text), 0o600))
	w.process = stack.Standalone(t, &stack.Mesh{Addr: w.addr, Text: text})
	return w
}

// troubles are what clients do in each situation that docs/troubleshooting.md says of what is shown.
var troubles = map[string]func(w *watched){
	"reads nothing": func(w *watched) { w.join("idle-readers", 1) },
	"rebalances":    func(w *watched) { w.join("restless", 5) },
	"commits refused": func(w *watched) {
		r := kmsg.NewPtrOffsetCommitRequest()
		r.SetVersion(8)
		r.Group, r.MemberID, r.Generation = "reports", "left-long-ago", 7
		r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders.new", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}
		rawkafka.Connect(w.t, w.addr, "reports-1").Ask(r)
	},
	"throttled": func(w *watched) {
		c := rawkafka.Connect(w.t, w.addr, "nightly-export")
		for range 3 {
			r := rawkafka.Metadata("orders.new")
			r.SetVersion(9)
			c.Send(r)
		}
	},
	"login refused": func(w *watched) {
		c := rawkafka.Connect(w.t, w.addr, "billing")
		handshake := kmsg.NewPtrSASLHandshakeRequest()
		handshake.Mechanism = "PLAIN"
		ask(c, handshake, 1)
		authenticate := kmsg.NewPtrSASLAuthenticateRequest()
		authenticate.SASLAuthBytes = []byte("\x00ann\x00not-her-password")
		ask(c, authenticate, 2)
	},
	"denied": func(w *watched) {
		ask(rawkafka.Connect(w.t, w.addr, "spy"), rawkafka.Metadata("orders.secret-1"), 9)
	},
}

// ask asks for something in a version, and waits for the answer.
func ask(c *rawkafka.Client, r kmsg.Request, version int16) kmsg.Response { //nolint:ireturn // as rawkafka has it
	r.SetVersion(version)
	return c.Ask(r)
}

// join has a member join a group so many times, and stay.
func (w *watched) join(group string, times int) {
	c := rawkafka.Connect(w.t, w.addr, "reader")
	w.t.Cleanup(func() { _ = c.Close() })
	member := ""
	for range times {
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.MemberID, join.ProtocolType = group, member, "consumer"
		join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 30_000, 30_000
		join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0}}}
		joined := ask(c, join, 3).(*kmsg.JoinGroupResponse) //nolint:forcetypeassert // of this request
		member = joined.MemberID
		sync := kmsg.NewPtrSyncGroupRequest()
		sync.Group, sync.MemberID, sync.Generation = group, member, joined.Generation
		sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: member}}
		ask(c, sync, 3)
	}
}

// places are where somebody on call looks, as docs/troubleshooting.md calls them.
func (w *watched) places() map[string]func() (string, error) {
	return map[string]func() (string, error){
		"page":       func() (string, error) { return w.text("/") },
		"metrics":    func() (string, error) { return w.text("/metrics") },
		"log":        func() (string, error) { return w.process.Log(), nil },
		"access log": func() (string, error) { return readText(w.accessLog) },
	}
}

func readText(file string) (string, error) {
	raw, err := os.ReadFile(file)
	return string(raw), err
}

// text is a page of the admin listener, as for a terminal.
func (w *watched) text(path string) (string, error) {
	return stack.Page(w.t.Context(), http.MethodGet, "http://"+w.process.Admin()+path, "text/plain")
}

// command is what the plain binary says when it is run. That it fails is what some of it is about.
func (w *watched) command(arguments string) (string, error) {
	binary, err := stack.Binary()
	if err != nil {
		return "", err
	}
	args := strings.Fields(strings.ReplaceAll(arguments, "mesh.yaml", w.config))
	out, _ := exec.CommandContext(w.t.Context(), binary, args...).CombinedOutput()
	return string(out), nil
}

// TestTroubleshootingShows has clients run into each situation, and looks for what docs/troubleshooting.md says that the page, the metrics, the
// log and the access log show then, and for what explain says.
//
//nolint:paralleltest,tparallel // the situations are of one mesh, one after another
func TestTroubleshootingShows(t *testing.T) {
	t.Parallel()
	w := watch(t)
	untried := map[string]bool{}
	for name := range troubles {
		untried[name] = true
	}
	for _, b := range document.Blocks(t, top(t, ""), troubleshooting) {
		kind, about := b.Kind()
		if kind != "shown" {
			continue
		}
		delete(untried, about)
		t.Run(about, func(t *testing.T) {
			trouble := troubles[about]
			if trouble == nil {
				t.Fatalf("nobody runs into %q", about)
			}
			trouble(w)
			for line := range strings.Lines(strings.TrimSpace(b.Text)) {
				w.compare(t, strings.TrimSpace(line))
			}
		})
	}
	for name := range untried {
		t.Errorf("%s does not say what is shown of %q", troubleshooting, name)
	}
}

// shownAs says of lines in a place whether they are what the document has. What is so of a part of a line is so of the line, but for metrics:
// their lines are compared as a whole, and … is no value of what has counted nothing.
func shownAs(where, text string) func(line string) bool {
	want := printed(text)
	if where != "metrics" {
		return want.MatchString
	}
	whole := regexp.MustCompile(`^(?:` + want.String() + `)$`)
	return func(line string) bool {
		return whole.MatchString(line) && (!strings.HasSuffix(line, " 0") || strings.HasSuffix(text, " 0"))
	}
}

// TestShownAs has lines that are what the document has, and others that resemble them.
func TestShownAs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		where, text, line string
		want              bool
	}{
		{"metrics", `denied{rule="a"} …`, `denied{rule="a"} 12`, true},
		{"metrics", `denied{rule="a"} …`, `denied{rule="a"} 0`, false},
		{"metrics", `denied{rule="a"} 0`, `denied{rule="a"} 0`, true},
		{"metrics", `denied{rule="a"} 1`, `denied{rule="a"} 1`, true},
		{"metrics", `denied{rule="a"} 1`, `denied{rule="a"} 12`, false},
		{"metrics", `denied{rule="a"} 1`, `more_denied{rule="a"} 1`, false},
		{"metrics", `denied{rule="…"} …`, `denied{rule="a"} 10`, true},
		{"log", `… rule=a … client_id=spy`, `level=WARN rule=a n=0 client_id=spy`, true},
		{"log", `client_id=spy`, `level=WARN rule=a client_id=spy n=0`, true},
		{"log", `client_id=spy`, `client_id=sp`, false},
	} {
		if got := shownAs(tc.where, tc.text)(tc.line); got != tc.want {
			t.Errorf("shownAs(%q, %q)(%q) = %v, want %v", tc.where, tc.text, tc.line, got, tc.want)
		}
	}
}

// compare looks for one line of the document in the place that it names.
func (w *watched) compare(t *testing.T, line string) {
	t.Helper()
	where, text, _ := strings.Cut(line, ": ")
	look := w.places()[where]
	if arguments, is := strings.CutPrefix(where, "kafkamesh "); is {
		look = func() (string, error) { return w.command(arguments) }
	}
	if look == nil {
		t.Fatalf("%q begins with no place, which are: kafkamesh …, %v", line, slices.Sorted(maps.Keys(w.places())))
	}
	is := shownAs(where, text)
	stack.Wait(t, where+" to have "+text, func() error {
		shown, err := look()
		for got := range strings.Lines(shown) {
			if is(strings.TrimSpace(spaces.ReplaceAllString(got, " "))) {
				return nil
			}
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("it is\n%s", stack.Tail(shown))
	})
}
