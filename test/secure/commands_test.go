package secure

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// kafkamesh runs the plain binary on a configuration of clusters, and returns what it prints. What it prints holds no secret.
func kafkamesh(t *testing.T, clusters []stack.MeshCluster, command string, more ...string) (said string, code int) {
	t.Helper()
	binary, err := stack.Binary()
	stack.Check(t, err)
	config, err := meshOf(t, clusters...).Config()
	check(t, err)
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	write(t, file, []byte(config))
	out, err := exec.CommandContext(t.Context(), binary, append([]string{command, file}, more...)...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed != nil {
		code = failed.ExitCode()
	}
	wantNoSecret(t, string(out))
	return string(out), code
}

// TestCheckFindsThatEachWayWorks has every way to the broker checked, with what is to be known of TLS and logins.
func TestCheckFindsThatEachWayWorks(t *testing.T) {
	t.Parallel()
	clusters := ways(t, sharedBroker(t))
	said, code := kafkamesh(t, clusters, "check")
	if code != 0 || !strings.HasSuffix(said, "\nEverything works.\n") {
		t.Fatalf("check = %d:\n%s", code, said)
	}
	lines := words(said)
	for _, want := range []string{
		"plain * ok * none PLAIN", "scram512tls * ok * 1.3, 89 days SCRAM-SHA-512", "oauth * ok * 1.3, 89 days OAUTHBEARER",
		"assertion * ok * 1.3, 89 days OAUTHBEARER", "tokenfile * ok * 1.3, 89 days OAUTHBEARER", "tls * 1, controller ok *",
		"oauth: we log in as mesh; cluster id *", "assertion: we log in as mesh; cluster id *", "tokenfile: we log in as mesh; cluster id *",
		"mtls: our certificate, mesh, is valid for 89 days; cluster id *",
	} {
		if !matches(lines, want) {
			t.Errorf("no line %q in\n%s", want, said)
		}
	}
}

// words are the lines of a text, with one space between words.
func words(text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// matches looks for a line like pattern, in which * stands for anything.
func matches(lines []string, pattern string) bool {
	parts := strings.Split(pattern, "*")
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, parts[0])
		for _, part := range parts[1:] {
			var found bool
			_, rest, found = strings.Cut(rest, part)
			ok = ok && found
		}
		if ok {
			return true
		}
	}
	return false
}

// TestCheckSaysEachMistake has all mistakes checked at once, beside a cluster that works.
func TestCheckSaysEachMistake(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	clusters, said := []stack.MeshCluster{{Name: "good", Bootstrap: b.Addr()}}, map[string]string{}
	for name, mistake := range mistakes(t, b) {
		mistake.cluster.Name = strings.NewReplacer(" ", "_", ",", "", "'", "").Replace(name)
		clusters, said[mistake.cluster.Name] = append(clusters, mistake.cluster), mistake.said
	}
	text, code := kafkamesh(t, clusters, "check", "--timeout=30s")
	if code != 1 || !matches(words(text), "good * ok *") {
		t.Errorf("check = %d:\n%s", code, text)
	}
	for name, want := range said {
		_, about, _ := strings.Cut(text, "\n"+name+": ")
		about, _, _ = strings.Cut(about, "\n\n")
		if !matches(words(text), name+" * fails *") || !strings.Contains(about, want) {
			t.Errorf("of %s it says %q, want %q", name, about, want)
		}
	}
}

// TestCommandsTellOfRights has a topic that the mesh's user may only describe, and one that it may not know of.
func TestCommandsTellOfRights(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	topics := []string{"rights-open", "rights-read", "rights-none"}
	stack.CreateTopics(t, b.Addr(), stack.TopicOptions{}, topics...)
	allow(t, b, "mesh", "rights-read", kmsg.ACLOperationDescribe)
	allow(t, b, "somebody", "rights-none", kmsg.ACLOperationWrite)
	clusters := []stack.MeshCluster{{Name: "rights", Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_SCRAM_SHA_512", password)}}
	said := func(code int, want, command string, more ...string) {
		t.Helper()
		stack.Wait(t, command+" to say what the broker knows since now", func() error {
			if said, got := kafkamesh(t, clusters, command, more...); got != code || !strings.Contains(said, want) {
				return fmt.Errorf("%s %s = %d:\n%s\nwant %d, %q", command, more, got, said, code, want)
			}
			return nil
		})
	}
	said(0, "Records to rights-open are served.", "explain", "rights-open")
	said(1, "the mesh's user lacks WRITE on it: clients get TOPIC_AUTHORIZATION_FAILED", "explain", "rights-read")
	said(1, "rights does not let the mesh's user know of it", "explain", "rights-none")
	said(1, "rights has no such topic", "explain", "rights-new")
	said(0, "warning: the mesh's user lacks WRITE on 1 of the 2 topics that forwarding_rules[0] (rights-*) sends here: rights-read", "check")
}

// allow gives a user a right to a topic, and so takes it from those that have none.
func allow(t *testing.T, b *broker, user, topic string, o kmsg.ACLOperation) {
	t.Helper()
	allowOn(t, b, user, kmsg.ACLResourceTypeTopic, topic, o)
}

// allowOn is allow for things of other kinds.
func allowOn(t *testing.T, b *broker, user string, kind kmsg.ACLResourceType, name string, o kmsg.ACLOperation) {
	t.Helper()
	acl := kmsg.NewCreateACLsRequestCreation()
	acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kind, name, kmsg.ACLResourcePatternTypeLiteral
	acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:"+user, "*", o, kmsg.ACLPermissionTypeAllow
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = append(request.Creations, acl)
	response, err := request.RequestWith(t.Context(), stack.Client(t, b.Addr()))
	check(t, err)
	for _, r := range response.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("the ACL is refused with code %d", r.ErrorCode)
		}
	}
}
