package secure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// identities is a mesh before the broker, whose users mesh and other are the broker's users other and mesh, in this order, as the file says.
type identities struct {
	t    *testing.T
	b    *broker
	mesh *mesh
	file string
	how  map[string]sasl.Mechanism // of each client
}

// write writes the file of credentials.
func (i *identities) write(lines ...string) {
	i.t.Helper()
	check(i.t, os.WriteFile(i.file+".next", []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	check(i.t, os.Rename(i.file+".next", i.file))
}

// client is one that logs in to the mesh as a principal.
func (i *identities) client(principal string, more ...kgo.Opt) *kgo.Client {
	i.t.Helper()
	return stack.Client(i.t, i.mesh.addr, append(more, kgo.SASL(i.how[principal]), kgo.RecordDeliveryTimeout(30*time.Second))...)
}

// send sends a record as a principal.
func (i *identities) send(c *kgo.Client, topic, value string) error {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	return c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
}

// withIdentities starts a mesh and has ACLs: user other of the broker may do everything with the topic prefix-a and the group prefix-a, and mesh
// with those of b.
func withIdentities(t *testing.T, prefix string, start func(testing.TB, *stack.Mesh) *stack.Process) *identities {
	t.Helper()
	b := sharedBroker(t)
	i := &identities{t: t, b: b, file: filepath.Join(t.TempDir(), "credentials")}
	i.write("# crossed", "mesh other "+secondPassword, "other mesh "+password)
	stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 2}, prefix+"-a", prefix+"-b")
	for user, name := range map[string]string{"other": prefix + "-a", "mesh": prefix + "-b"} {
		for _, o := range []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite} {
			allow(t, b, user, name, o)
		}
		allowOn(t, b, user, kmsg.ACLResourceTypeGroup, name, kmsg.ACLOperationRead)
	}
	now := time.Now()
	i.how = plainLogins()
	i.how["nobody"] = oauth.Auth{Token: b.tokens.sign(map[string]any{
		"iss": b.tokens.url, "sub": "nobody", "aud": "kafka", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})}.AsMechanism()
	m := meshOf(t, stack.MeshCluster{
		Name: prefix, Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_PLAIN", password),
		Identity: map[string]any{"mapped": map[string]any{"credentials_file": i.file}},
	})
	m.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true})
	i.mesh = watched(t, &mesh{start(t, m), m.Addr})
	return i
}

// TestIdentities has two principals be two users of a real Kafka, through one mesh: each may do what the ACLs of its own user allow, with
// topics and with groups, and no more.
func TestIdentities(t *testing.T) {
	t.Parallel()
	for host, start := range stack.Hosts() {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			prefix := "identities-" + host
			i := withIdentities(t, prefix, start)
			a, b := prefix+"-a", prefix+"-b"
			may := map[string]string{"mesh": a, "other": b} // the broker's other and mesh
			stack.Wait(t, "the broker to know the ACLs", func() error { return i.send(i.client("mesh"), a, "0") })
			for principal, own := range may {
				foreign := map[string]string{a: b, b: a}[own]
				c := i.client(principal)
				for n := range 20 {
					if err := i.send(c, own, strconv.Itoa(n+1)); err != nil {
						t.Fatalf("%s writes to %s: %v; the log:\n%s", principal, own, err, i.mesh.Log())
					}
				}
				if err := i.send(i.client(principal), foreign, "x"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
					t.Errorf("%s writes to %s: %v, want TOPIC_AUTHORIZATION_FAILED", principal, foreign, err)
				}
				if diff := cmp.Diff([]string{own}, i.topics(c, prefix)); diff != "" {
					t.Errorf("%s sees other topics (-want +got):\n%s", principal, diff)
				}
			}
			for principal, own := range may {
				i.consume(principal, own, own, 20)
				foreign := map[string]string{a: b, b: a}[own]
				i.wantRefused(principal, own, foreign, kerr.GroupAuthorizationFailed)
				i.wantRefused(principal, foreign, own, kerr.TopicAuthorizationFailed)
			}
			if err := i.send(i.client("nobody"), a, "x"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("nobody writes: %v, want TOPIC_AUTHORIZATION_FAILED", err)
			}
			stack.Wait(t, "the log to tell of nobody", func() error {
				if log := i.mesh.Log(); !strings.Contains(log, "mapped to no user") || !strings.Contains(log, "principal=nobody") {
					return errors.New(log)
				}
				return nil
			})
			i.exchange(a, b)
		})
	}
}

// exchange has the principals be each other's user from now on: clients that are connected are, too.
func (i *identities) exchange(a, b string) {
	i.t.Helper()
	c := i.client("mesh")
	check(i.t, i.send(c, a, "21"))
	i.write("mesh mesh "+password, "other other "+secondPassword)
	stack.Wait(i.t, "the mesh to be another user", func() error { return i.send(c, b, "21") })
	if err := i.send(i.client("mesh"), a, "x"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		i.t.Errorf("mesh writes to %s: %v, want TOPIC_AUTHORIZATION_FAILED", a, err)
	}
}

// topics are those that a client sees, of some.
func (i *identities) topics(c *kgo.Client, prefix string) (names []string) {
	i.t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	response, err := request.RequestWith(i.t.Context(), c)
	check(i.t, err)
	for _, topic := range response.Topics {
		if topic.Topic != nil && strings.HasPrefix(*topic.Topic, prefix) {
			names = append(names, *topic.Topic)
		}
	}
	return names
}

// consume reads a topic in a group, commits, and goes on from there as another member.
func (i *identities) consume(principal, topic, group string, most int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	for _, round := range []string{"first", "second"} {
		c := i.client(principal, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
		for n := 0; n < most; {
			fetches := c.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				i.t.Fatalf("%s reads %s in %s: %v after %d; the log:\n%s", principal, topic, group, err, n, i.mesh.Log())
			}
			n += fetches.NumRecords()
		}
		if err := c.CommitUncommittedOffsets(ctx); err != nil {
			i.t.Fatalf("%s commits in %s: %v", principal, group, err)
		}
		c.Close()
		if round == "first" {
			writer := i.client(principal)
			for n := range most {
				check(i.t, i.send(writer, topic, fmt.Sprint("more-", n)))
			}
		}
	}
}

// wantRefused sees that a principal may not read a topic in a group.
func (i *identities) wantRefused(principal, topic, group string, want error) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	c := i.client(principal, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group))
	for {
		err := c.PollFetches(ctx).Err()
		if errors.Is(err, want) {
			return
		}
		if err == nil || ctx.Err() != nil {
			i.t.Errorf("%s reads %s in %s: %v, want %v", principal, topic, group, err, want)
			return
		}
	}
}
