package secure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// logIns are clusters' logins of the mesh's own.
func logIns(b *broker) (certificate, token, scram stack.MeshCluster) {
	certificate = stack.MeshCluster{Bootstrap: b.Listener("MTLS"), TLS: map[string]any{
		"ca": filed(b.ca.file), "certificate": filed(b.own.certificate), "key": filed(b.own.key),
	}}
	token = stack.MeshCluster{Bootstrap: b.Listener("SASL"), SASL: byTokens(b, clientSecret)}
	scram = stack.MeshCluster{Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_SCRAM_SHA_512", password)}
	return certificate, token, scram
}

// mappedTo has a cluster see clients as a file of credentials says.
func mappedTo(t *testing.T, c stack.MeshCluster, name string, lines ...string) stack.MeshCluster {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials")
	check(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	c.Name, c.Identity = name, map[string]any{"mapped": map[string]any{"credentials_file": file}}
	return c
}

// withLogins starts a mesh, without Envoy, that the users mesh and other log in to.
func withLogins(t *testing.T, b *broker, clusters ...stack.MeshCluster) *identities {
	t.Helper()
	m := meshOf(t, clusters...)
	m.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true})
	return &identities{t: t, b: b, mesh: watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr}), how: plainLogins()}
}

// TestMappedByEachLogin has principals be users of a real Kafka by certificates and by tokens: its authorizer sees each as its own user.
func TestMappedByEachLogin(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	dir := t.TempDir()
	fruit, vegetables := b.ca.issue(t, dir, "fruit", nil, nil), b.ca.issue(t, dir, "vegetables", nil, nil)
	token := filepath.Join(dir, "token")
	write(t, token, []byte(b.tokens.of("token-vegetables", "produce")))
	byCertificate, byToken, _ := logIns(b)
	i := withLogins(t, b,
		mappedTo(t, byCertificate, "bycertificate",
			"mesh "+fruit.certificate+" "+fruit.key, "other "+vegetables.certificate+" "+vegetables.key),
		mappedTo(t, byToken, "bytoken", "mesh client-fruit "+clientSecret, "other "+token))
	for cluster, users := range map[string][2]string{
		"bycertificate": {"CN=fruit", "CN=vegetables"}, "bytoken": {"client-fruit", "token-vegetables"},
	} {
		topics := [2]string{cluster + "-a", cluster + "-b"}
		stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topics[:]...)
		for n, user := range users {
			allow(t, b, user, topics[n], kmsg.ACLOperationWrite)
		}
		for n, principal := range [2]string{"mesh", "other"} {
			c := i.client(principal)
			stack.Wait(t, "the broker to know the ACL of "+users[n], func() error { return i.send(c, topics[n], "0") })
			if err := i.send(i.client(principal), topics[1-n], "x"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("%s writes to %s: %v, want TOPIC_AUTHORIZATION_FAILED", users[n], topics[1-n], err)
			}
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", i.mesh.Log())
	}
}

// throttles counts the answers that tell of a throttle time.
type throttles struct{ atomic.Int64 }

var _ kgo.HookBrokerThrottle = (*throttles)(nil)

// OnBrokerThrottle implements kgo.HookBrokerThrottle.
func (h *throttles) OnBrokerThrottle(_ kgo.BrokerMetadata, interval time.Duration, _ bool) {
	if interval > 0 {
		h.Add(1)
	}
}

// limit has the broker let somebody produce so many bytes a second.
func limit(t *testing.T, b *broker, kind, name string, bytes float64) {
	t.Helper()
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = kind, &name
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value = "producer_byte_rate", bytes
	entry.Entity, entry.Ops = append(entry.Entity, entity), append(entry.Ops, op)
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = append(request.Entries, entry)
	response, err := request.RequestWith(t.Context(), stack.Client(t, b.Addr()))
	check(t, err)
	check(t, kerr.ErrorForCode(response.Entries[0].ErrorCode))
}

// TestQuotasTellIdentitiesApart has a real Kafka throttle one principal by its client id, behind a login by a token, or by its user, and not
// another one that writes as much.
func TestQuotasTellIdentitiesApart(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	setPassword(t, b, "quota-fruit", password)
	setPassword(t, b, "quota-vegetables", secondPassword)
	_, byToken, byScram := logIns(b)
	byToken.Name, byToken.Identity = "quotaid", map[string]any{"client_id": map[string]any{}}
	i := withLogins(t, b, byToken,
		mappedTo(t, byScram, "quotauser", "mesh quota-fruit "+password, "other quota-vegetables "+secondPassword))
	const rate = 20_000
	limit(t, b, "client-id", "mesh/kafkamesh", rate)
	limit(t, b, "user", "quota-fruit", rate)
	value := strings.Repeat("x", 5*rate)
	for _, topic := range []string{"quotaid-a", "quotauser-a"} {
		stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topic)
		var limited, free throttles
		one := i.client("mesh", kgo.WithHooks(&limited), kgo.ProducerBatchCompression(kgo.NoCompression()))
		other := i.client("other", kgo.WithHooks(&free), kgo.ProducerBatchCompression(kgo.NoCompression()))
		const rounds = 50
		for n := 0; limited.Load() == 0; n++ {
			if n == rounds {
				t.Fatalf("%s: no throttle time in %d answers; the log:\n%s", topic, rounds, i.mesh.Log())
			}
			check(t, i.send(one, topic, value))
			check(t, i.send(other, topic, value))
		}
		check(t, i.send(other, topic, value)) // on a connection that the broker reads from
		if n := free.Load(); n > 0 {
			t.Errorf("%s: who has no quota is throttled %d times", topic, n)
		}
	}
}

// TestRemappedInFlight has a principal be another user again and again, with another password too, while it writes with requests in
// flight: nothing is lost, nothing is there twice, and all is in order.
func TestRemappedInFlight(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	setPassword(t, b, "flight-1", password)
	setPassword(t, b, "flight-2", secondPassword)
	_, _, byScram := logIns(b)
	first, second := "mesh flight-1 "+password, "mesh flight-2 "+secondPassword
	c := mappedTo(t, byScram, "flight", first)
	i := withLogins(t, b, c)
	i.file = c.Identity["mapped"].(map[string]any)["credentials_file"].(string)
	const topic = "flight-a"
	stack.CreateTopics(t, b.Addr(), stack.TopicOptions{Partitions: 1}, topic)
	client := i.client("mesh", kgo.MaxBufferedRecords(20), kgo.ProducerLinger(0), kgo.RecordRetries(1000))
	var stored atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sent := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			client.Produce(t.Context(), &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(n))}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("record is not stored: %v", err)
					stop()
				}
				stored.Add(1)
			})
		}
		sent <- n
	}()
	more := func(what string, records int64) {
		want := stored.Load() + records
		stack.Wait(t, what, func() error {
			if got := stored.Load(); got < want && ctx.Err() == nil {
				return fmt.Errorf("%d of %d records are stored; the log:\n%s", got, want, stack.Tail(i.mesh.Log()))
			}
			return nil
		})
	}
	more("the first records", 100)
	changes := []string{second, first, second, first}
	for round, line := range append(changes, "mesh flight-1 "+wrongPassword, first) { // a wrong password is for connections that are made from then on
		i.write(line)
		stack.Wait(t, "the file to be read", func() error {
			if n := strings.Count(i.mesh.Log(), "the credentials of identities were read"); n < round+2 && ctx.Err() == nil {
				return fmt.Errorf("%d times; the log:\n%s", n, stack.Tail(i.mesh.Log()))
			}
			return nil
		})
		more("records of another user", 1000)
	}
	stop()
	n := <-sent
	check(t, client.Flush(t.Context()))
	t.Logf("%d records", n)
	verify(t, b.KafkaCluster, topic, n)
	i.mesh.Stop()
	replaced := parseMetrics(i.mesh.Log(), `(?m)^ +(violations\.\S+) +(\d+) connections$`)["violations.identity_replaced"]
	if replaced < len(changes) {
		t.Errorf("%d connections were of somebody else by then, want one for each of %d changes", replaced, len(changes))
	}
}
