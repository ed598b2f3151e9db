package contrib

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

const text = `{"upstream_clusters": [{"cluster_name": "c1", "bootstrap_servers": "broker:9092"}],
"forwarding_rules": [{"target_cluster": "c1", "topic_prefix": "a"}]}`

// apiVersions is a request of version 0 with correlation id 7, which is answered from memory.
var apiVersions = []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}

type info struct{ api.StreamInfo }

// callback is Envoy's part of a connection.
type callback struct {
	api.ConnectionCallback
	info

	mu      sync.Mutex
	written []byte
	empty   bool // something empty was written, or an end
	closed  int
	broken  bool // has a bug
}

func (c *callback) Write(b []byte, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		panic("bug")
	}
	c.written = append(c.written, b...)
	c.empty = c.empty || end || len(b) == 0
}

func (c *callback) Close(api.ConnectionCloseType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
}

func (c *callback) StreamInfo() api.StreamInfo { return c.info }

// size is how much was written.
func (c *callback) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.written)
}

func (info) UpstreamRemoteAddress() (string, bool) { return "10.0.0.1:999", true }
func (info) UpstreamLocalAddress() (string, bool)  { return "10.0.0.2:9092", true }

// client is a cluster's that is never asked.
type client struct{ upstream.Client }

func (client) Watch(context.Context, func()) {}

func (client) Dial(context.Context, string) (link.Conn, error) {
	return link.Conn{Close: func() {}}, nil
}

func newLoader(log *bytes.Buffer) *loader {
	return &loader{
		log:       slog.New(slog.NewTextHandler(log, nil)),
		newClient: func(upstream.Settings) (upstream.Client, error) { return client{}, nil },
	}
}

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func connect(t *testing.T, l *loader, a *anypb.Any, cb *callback) api.DownstreamFilter {
	t.Helper()
	f := factories{}.CreateFactoryFromConfig(l.ParseConfig(a)).CreateFilter(cb)
	if got := f.OnNewConnection(); got != api.NetworkFilterContinue {
		t.Errorf("OnNewConnection = %v", got)
	}
	return f
}

func TestForms(t *testing.T) {
	t.Parallel()
	var s structpb.Struct
	if err := s.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	value, err := proto.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	typed := append([]byte{0x0a, 1, 'x', 0x12}, binary.AppendUvarint(nil, uint64(len(value)))...)
	message := &kafkameshv1.KafkaMesh{
		UpstreamClusters: []*kafkameshv1.KafkaClusterDefinition{{ClusterName: "c1", BootstrapServers: "broker:9092"}},
		ForwardingRules:  []*kafkameshv1.ForwardingRule{{TargetCluster: "c1", Trigger: &kafkameshv1.ForwardingRule_TopicPrefix{TopicPrefix: "a"}}},
	}
	for name, a := range map[string]*anypb.Any{
		"TypedStruct": {TypeUrl: "type.googleapis.com/xds.type.v3.TypedStruct", Value: append(typed, value...)},
		"Struct":      packed(t, &s),
		"StringValue": packed(t, wrapperspb.String(text)),
		"BytesValue":  packed(t, wrapperspb.Bytes([]byte(text))),
		"KafkaMesh":   packed(t, message),
	} {
		var log bytes.Buffer
		cb := &callback{}
		f := connect(t, newLoader(&log), a, cb)
		f.OnData(apiVersions[:5], false)
		f.OnData(apiVersions[5:], false)
		if len(cb.written) < 8 || cb.written[7] != 7 || cb.empty || cb.closed > 0 {
			t.Errorf("%s: wrote %x, closed %d times; log %s", name, cb.written, cb.closed, &log)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]*anypb.Any{
		"plugin_config is missing": {},
		"upstream_clusters: ":      packed(t, wrapperspb.String("forwarding_rules: []")),
		"is of type":               packed(t, wrapperspb.Bool(true)),
		"plugin_config: ":          {TypeUrl: "x/google.protobuf.BytesValue", Value: []byte{0x0a, 9}},
		"is neither UTF-8 text":    {TypeUrl: "x/xds.type.v3.TypedStruct", Value: []byte{0x12, 9}},
		"plugin_config: proto:":    {TypeUrl: "x/google.protobuf.Struct", Value: []byte{0xff}},
		"configuration is empty":   packed(t, wrapperspb.String("")),
	} {
		var log bytes.Buffer
		cb := &callback{}
		f := connect(t, newLoader(&log), a, cb)
		f.OnData(apiVersions, false)
		f.OnEvent(api.LocalClose)
		if got := log.String(); !strings.Contains(got, want) || cb.closed != 1 || len(cb.written) > 0 {
			t.Errorf("closed %d times, wrote %x, log %s; want %q in it", cb.closed, cb.written, got, want)
		}
	}
	var log bytes.Buffer
	l := newLoader(&log)
	l.newClient = func(upstream.Settings) (upstream.Client, error) { return nil, errors.New("no such thing") }
	cb := &callback{}
	connect(t, l, packed(t, wrapperspb.String(text)), cb)
	if cb.closed != 1 || !strings.Contains(log.String(), "no such thing") {
		t.Errorf("closed %d times, log %s", cb.closed, &log)
	}
}

func TestLoadedIsSaidOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := newLoader(&log)
	for range 2 {
		l.ParseConfig(&anypb.Any{})
	}
	if said := log.String(); !strings.Contains(said, "msg=loaded version=") || strings.Count(said, "msg=loaded") != 1 {
		t.Errorf("log %q, want one line that says what was loaded", said)
	}
}

// TestGone answers nothing, and closes nothing, on a connection that is gone.
func TestGone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	cb := &callback{}
	f := connect(t, newLoader(&log), packed(t, wrapperspb.String(text)), cb).(*leaf)
	f.OnEvent(api.Connected)
	f.OnEvent(api.RemoteClose)
	f.OnData(apiVersions, false)
	f.conn.Writev([][]byte{[]byte("late")}, nil)
	f.conn.Close()
	f.conn.PauseReads(true)
	if len(cb.written) > 0 || cb.closed > 0 {
		t.Errorf("wrote %x, closed %d times", cb.written, cb.closed)
	}
}

// TestPanic has a bug in a call of Envoy's: it costs the connection.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	cb := &callback{broken: true}
	f := connect(t, newLoader(&log), packed(t, wrapperspb.String(text)), cb)
	f.OnData(apiVersions, false)
	if cb.closed != 1 || !strings.Contains(log.String(), "please report it") {
		t.Errorf("closed %d times, log %s", cb.closed, &log)
	}
}
