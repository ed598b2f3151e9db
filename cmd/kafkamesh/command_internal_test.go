package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	good = `
upstream_clusters: [{cluster_name: kafka_c1, bootstrap_servers: "127.0.0.1:1"}]
forwarding_rules: [{target_cluster: kafka_c1, topic_prefix: apples}]
`
	bad = `
upstream_clusters: [{cluster_name: kafka_c1, bootstrap_servers: "127.0.0.1:none"}]
forwarding_rules: [{target_cluster: kafka_c9, topic_prefix: apples}]
`
)

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, args string
		code       int
		out, err   string // what must be in it; empty: nothing is
	}{
		{"nothing", "", exitUsage, "", "usage: kafkamesh COMMAND"},
		{"help", "help", exitOK, "usage: kafkamesh COMMAND", ""},
		{"-h", "-h", exitOK, "usage: kafkamesh COMMAND", ""},
		{"--help", "--help", exitOK, "usage: kafkamesh COMMAND", ""},
		{"help serve", "help serve", exitOK, "--listen ADDR", ""},
		{"serve -h", "serve -h", exitOK, "--listen ADDR", ""},
		{"help validate", "help validate", exitOK, "usage: kafkamesh validate FILE", ""},
		{"help nothing", "help nothing", exitUsage, "", `no command "nothing"`},
		{"unknown command", "server", exitUsage, "", "there is no command \"server\"; did you mean \"serve\"?\nRun "},
		{"a command's beginning", "val mesh.yaml", exitUsage, "", `did you mean "validate"?`},
		{"a command as a flag", "--demo", exitUsage, "", `did you mean "demo"?`},
		{"a command unlike any", "produce", exitUsage, "", "there is no command \"produce\"\n\nKafka mesh shows"},
		{"help of a misspelt command", "help validat", exitUsage, "", `did you mean "validate"?`},
		{"version", "version", exitOK, "kafkamesh ", ""},
		{"--version", "--version", exitOK, "kafkamesh ", ""},
		{"-version", "-version", exitOK, "sarama ", ""},
		{"-v", "-v", exitOK, "commit ", ""},
		{"help demo", "help demo", exitOK, "--once", ""},
		{"demo of what", "demo x", exitUsage, "", `got "x"`},
		{"version of what", "version x", exitUsage, "", `got "x"`},
		{"serve nothing", "serve", exitUsage, "", "--config FILE is missing"},
		{"serve an argument", "serve --config x y", exitUsage, "", `got "y"`},
		{"serve with a misspelt flag", "serve --confg x", exitUsage, "", "there is no flag --confg; did you mean --config?"},
		{"serve with a flag's beginning", "serve -c x", exitUsage, "", "there is no flag -c; did you mean --config?"},
		{"serve with an unknown flag", "serve --port 9", exitUsage, "", "kafkamesh serve: there is no flag --port\nRun"},
		{"serve with a flag without its value", "serve --config", exitUsage, "", "flag needs an argument: -config"},
		{"serve a file without its flag", "serve mesh.yaml", exitUsage, "", `got "mesh.yaml"; did you mean --config mesh.yaml?`},
		{"serve a missing file", "serve --config missing.yaml", exitFailed, "", "missing.yaml: cannot open"},
		{"help check", "help check", exitOK, "--json", ""},
		{"help explain", "help explain", exitOK, "--timeout TIME", ""},
		{"check nothing", "check", exitUsage, "", "name one CONFIG, got 0"},
		{"check two", "check a b", exitUsage, "", "name one CONFIG, got 2"},
		{"check without time", "check --timeout 0s a", exitUsage, "", "--timeout must be longer"},
		{"check with a flag behind", "check a --jso", exitUsage, "", "there is no flag --jso; did you mean --json?"},
		{"check with a flag behind the end of flags", "check -- a --json", exitUsage, "", "name one CONFIG, got 2"},
		{"check a missing file", "check missing.yaml", exitFailed, "", "missing.yaml: cannot open"},
		{"explain nothing", "explain mesh.yaml", exitUsage, "", "name one CONFIG and one TOPIC, got 1"},
		{"explain without time", "explain mesh.yaml t --timeout=-1s", exitUsage, "", "--timeout must be longer"},
		{"explain a missing file", "explain missing.yaml t", exitFailed, "", "missing.yaml: cannot open"},
		{"validate nothing", "validate", exitUsage, "", "name a FILE"},
		{"validate with an unknown flag", "validate --all x", exitUsage, "", `Run "kafkamesh help validate"`},
		{"validate a missing file", "validate missing.yaml", exitFailed, "missing.yaml: cannot open", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out, err bytes.Buffer
			code := run(t.Context(), strings.Fields(tc.args), streams{strings.NewReader(""), printer{&out}, printer{&err}})
			if code != tc.code || !holds(out.String(), tc.out) || !holds(err.String(), tc.err) {
				t.Errorf("run = %d, want %d\nout %q\nwant %q\nerr %q\nwant %q", code, tc.code, &out, tc.out, &err, tc.err)
			}
		})
	}
}

func holds(got, want string) bool {
	return want == "" && got == "" || want != "" && strings.Contains(got, want)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		code       int
		out        string
	}{
		{"valid", good, exitOK, "FILE: valid\n"},
		{"every mistake", bad, exitFailed, `FILE:2:46: upstream_clusters[0].bootstrap_servers: "127.0.0.1:…": ` +
			`what stands behind the colon is not a port; write a number from 1 to 65535
FILE:3:21: forwarding_rules[0].target_cluster: there is no cluster "kafka_c9"; did you mean kafka_c1?
`},
		{"no YAML", "a: [", exitFailed, "FILE:2:1: a value is missing here, or a bracket, a brace or a comma is too much before it\n"},
		{"our message with its type", `"@type": type.googleapis.com/kafkamesh.v1.KafkaMesh` + good, exitOK, "FILE: valid\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "kafka_mesh.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out := runValidate(t, "", file)
			checkValidate(t, code, strings.ReplaceAll(out, file, "FILE"), tc.code, tc.out)
			code, out = runValidate(t, tc.text, "-")
			checkValidate(t, code, strings.ReplaceAll(out, "-:", "FILE:"), tc.code, tc.out)
		})
	}
}

// TestValidateSeveral goes on after a file with mistakes.
func TestValidateSeveral(t *testing.T) {
	t.Parallel()
	code, out := runValidate(t, good, "missing.yaml", "-")
	checkValidate(t, code, out, exitFailed, "missing.yaml: cannot open: no such file or directory\n-: valid\n")
}

func TestValidateWarns(t *testing.T) {
	t.Parallel()
	var out, err bytes.Buffer
	in := strings.NewReader(strings.ReplaceAll(good, ", topic_prefix: apples", ""))
	code := run(t.Context(), []string{"validate", "-"}, streams{in, printer{&out}, printer{&err}})
	checkValidate(t, code, out.String(), exitOK, "-: valid\n")
	if !strings.HasPrefix(err.String(), "-:3:20: warning: forwarding_rules[0].topic_prefix: not set") {
		t.Errorf("stderr = %q, want a warning", &err)
	}
}

func runValidate(t *testing.T, in string, files ...string) (code int, stdout string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"validate"}, files...), streams{strings.NewReader(in), printer{&out}, printer{&err}})
	if err.Len() > 0 {
		t.Errorf("stderr = %q, want nothing", &err)
	}
	return code, out.String()
}

func checkValidate(t *testing.T, code int, out string, wantCode int, wantOut string) {
	t.Helper()
	if diff := cmp.Diff(wantOut, out); diff != "" || code != wantCode {
		t.Errorf("validate = %d, want %d; out (-want +got):\n%s", code, wantCode, diff)
	}
}

// TestABIVersions compares the versions that are printed with those in the sources of the shared libraries.
func TestABIVersions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ printed, file, before string }{
		{dynamicModulesABI, "../../filter/host/dynamic/abi/envoy_abi.h", `#define KM_ABI_VERSION "`},
		{contribABI, "../../go.mod", "github.com/envoyproxy/envoy "},
	} {
		source, err := os.ReadFile(tc.file)
		if err != nil {
			t.Fatal(err)
		}
		version, _, _ := strings.Cut(tc.printed, " ")
		if !strings.Contains(string(source), tc.before+version) {
			t.Errorf("%s does not hold %s%s", tc.file, tc.before, version)
		}
	}
}
