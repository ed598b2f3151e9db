package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/dialtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// Nothing that is printed may hold one of these.
const (
	rightPassword = "hush-the-password"
	wrongPassword = "hush-the-wrong-one"
)

// estate is the clusters that commands are tried on. What is printed of them is compared with each address replaced by a name.
type estate struct {
	t     *testing.T
	dir   string
	addrs map[string]string
	ca    *authority.Authority
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{t: t, dir: t.TempDir(), addrs: map[string]string{"nobody": "127.0.0.1:1"}}
	var err error
	if e.ca, err = authority.New("test CA"); err != nil {
		t.Fatal(err)
	}
	e.write("ca.pem", e.ca.PEM)
	e.cluster("plain", kfake.NumBrokers(3), kfake.Ports(0, 0, 0), kfake.SeedTopics(3, "apples"), kfake.SeedTopics(25, "apples-wide"))
	e.cluster("other", kfake.ClusterID("another"))
	e.cluster("mesh", kfake.ClusterID(wire.MeshClusterID))
	e.cluster("secured", kfake.ClusterID("secured"), kfake.TLS(e.serve("secured", 100)), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User("SCRAM-SHA-256", "mesh", rightPassword,
			allow("bananas", kmsg.ACLOperationWrite), allow("cherries", kmsg.ACLOperationDescribe),
			allow("berries", kmsg.ACLOperationWrite), allow("berries-2", kmsg.ACLOperationDescribe)),
		kfake.User("SCRAM-SHA-256", "fruit", rightPassword, allow("cherries", kmsg.ACLOperationWrite), allow("cherries", kmsg.ACLOperationRead)),
		kfake.SeedTopics(1, "bananas", "berries", "berries-2", "cherries", "dates"))
	e.cluster("aged", kfake.MaxVersions(kversion.V2_4_0()), kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "mesh", rightPassword,
		kfake.ACL{
			Resource: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: kmsg.ACLOperationDescribe, Allow: true,
		}))
	e.cluster("ancient", kfake.MaxVersions(kversion.V1_0_0()))
	e.cluster("old", kfake.TLS(e.serve("old", 10)))
	e.cluster("moved", kfake.SeedTopics(1, "moved"), kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), network, "127.0.0.1:0")
		if err == nil {
			e.addrs["moved"] = l.Addr().String()
		}
		return elsewhere{l}, err
	}))
	e.silent()
	return e
}

// cluster starts one that is called name. Its brokers have the same name, and numbers.
func (e *estate) cluster(name string, o ...kfake.Opt) {
	e.t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.Ports(0)}, o...)...)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(c.Close)
	for i, addr := range c.ListenAddrs() {
		key := name
		if i > 0 {
			key += string(rune('1' + i))
		}
		if e.addrs[key] == "" {
			e.addrs[key] = addr
		}
	}
}

// elsewhere is a listener whose clients are told another address.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// silent listens, and says nothing.
func (e *estate) silent() {
	l, err := (&net.ListenConfig{}).Listen(e.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	e.addrs["silent"] = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	e.t.Cleanup(func() {
		l.Close()
		<-done
	})
}

// mesh is what is around clusters in a service mesh: the sidecar's socket, a DNS server, and brokers behind sidecars.
func (e *estate) mesh() {
	e.t.Helper()
	e.addrs["socket"] = fmt.Sprintf("@kafkamesh-check-%d", os.Getpid())
	dialtest.Listen(e.t, e.addrs["socket"], nil)
	e.addrs["dns"] = dialtest.ServeDNS(e.t, map[string][]netip.Addr{"kafka.mesh.test": {netip.MustParseAddr("127.0.0.1")}}).Addr
	leaf, err := e.ca.Issue("", nil, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/kafka/sa/kafka"}}
	})
	if err != nil {
		e.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	if err != nil {
		e.t.Fatal(err)
	}
	e.cluster("workload", kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"istio"}, MinVersion: tls.VersionTLS12}))
	e.addrs["strict"] = e.resets()
}

// resets is where connections are reset when something comes.
func (e *estate) resets() string {
	e.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(e.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	e.t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// serve is a server with a certificate that is valid for so many days.
func (e *estate) serve(name string, days int) *tls.Config {
	e.t.Helper()
	leaf, err := e.ca.Issue(name, []string{"127.0.0.1"}, func(c *x509.Certificate) {
		c.NotAfter = time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour)
	})
	if err != nil {
		e.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	if err != nil {
		e.t.Fatal(err)
	}
	e.write(name+".pem", leaf.Certificate)
	e.write(name+"-key.pem", leaf.Key)
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

func allow(topic string, o kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{
		Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: o, Allow: true,
	}
}

func (e *estate) write(name string, content []byte) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), content, 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// config writes a configuration, in which <plain> is the address of the cluster that is called so, and DIR the folder with the certificates.
func (e *estate) config(text string) (file string) {
	e.t.Helper()
	for name, addr := range e.addrs {
		text = strings.ReplaceAll(text, "<"+name+">", addr)
	}
	e.write("mesh.yaml", []byte(strings.ReplaceAll(text, "DIR", e.dir)))
	return filepath.Join(e.dir, "mesh.yaml")
}

var replaced = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`(\S)  +`), "$1  "},
	{regexp.MustCompile(`\d+\.\d ms`), "N ms"},
	{regexp.MustCompile(`"round_trip_ms":[\d.]+`), `"round_trip_ms":0`},
	{regexp.MustCompile(`\d, <plain\d?>  0`), "BROKER  0"}, // kfake draws leaders by lot
	{regexp.MustCompile(`topic id [A-Za-z0-9_-]{22}`), "topic id ID"},
	{regexp.MustCompile(`on \d{4}-\d\d-\d\d`), "on DATE"},
	{regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`), `"TIME"`},
}

// run runs a command, and returns what it has printed, in which what differs from run to run is replaced.
func (e *estate) run(args ...string) (said string) {
	e.t.Helper()
	var out bytes.Buffer
	code := run(e.t.Context(), args, streams{io.LimitReader(nil, 0), printer{&out}, printer{&out}})
	said = out.String()
	for _, secret := range []string{rightPassword, wrongPassword, "PRIVATE KEY"} {
		if strings.Contains(said, secret) {
			e.t.Errorf("%q is printed", secret)
		}
	}
	for name, addr := range e.addrs {
		said = strings.ReplaceAll(said, addr, "<"+name+">")
	}
	said = strings.ReplaceAll(said, e.dir, "DIR")
	for _, r := range replaced {
		said = r.what.ReplaceAllString(said, r.by)
	}
	return said + "exit code " + string(rune('0'+code)) + "\n"
}
