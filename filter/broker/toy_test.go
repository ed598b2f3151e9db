package broker_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// toyAPI is all of a new API that is code: it says names back to who sends them.
func toyAPI() broker.API {
	return broker.API{
		API: wire.API{Min: 1, Max: 2, Shape: &wire.Shape{
			Key: 99, Name: "Toy", Defined: wire.Versions{From: 0, Until: 3}, Flexible: 2,
			Fields: []wire.Field{{Name: "Names", Array: true, Type: wire.TypeString, Versions: wire.Versions{Until: wire.Later}}},
		}},
		Decided: 2, Short: "says names back", Query: true,
		Laborious: func(c *broker.Call) bool { return len(c.Body) > 9 },
		Serve: func(_ *broker.Broker, c *broker.Call) error {
			if err := toyAPI().Check(c.Header.Version, c.Body); err != nil {
				return err
			}
			head := binary.BigEndian.AppendUint32(nil, uint32(4+len(c.Body)))
			c.Answer(broker.Answer{Frame: binary.BigEndian.AppendUint32(head, uint32(c.Header.CorrelationID)), Parts: [][]byte{bytes.Clone(c.Body)}})
			return nil
		},
	}
}

// A new API takes one file: its header is read, its requests are checked and served, ApiVersions lists it, and so do the docs.
func TestToyAPI(t *testing.T) {
	t.Parallel()
	apis := append(broker.APIs(), toyAPI())
	b := broker.New(apis, route.Tables{}, nil, wire.None, broker.Counts{})
	toy := func(version byte, body string) (*broker.Call, error) {
		header := "\x00\x63\x00" + string(version) + "\x00\x00\x00\x07" + "\x00\x01x"
		if version == 2 {
			header += "\x00" // tagged fields
		}
		h, rest, err := b.ParseHeader([]byte(header + body))
		return call(h, rest, &pending{}), err
	}
	const names = "\x00\x00\x00\x02" + "\x00\x01a" + "\x00\x01b"
	c, err := toy(1, names)
	if err != nil {
		t.Fatal(err)
	}
	if api := b.API(99); api.Name != "Toy" || !api.Query || !api.IsLaborious(c) {
		t.Errorf("API(99) = %+v, want one that is laborious and a query", api)
	}
	if err := b.Serve(c); err != nil {
		t.Fatal(err)
	}
	a := c.Reply.(*pending).answers[0]
	if got, want := string(slices.Concat(a.Frame, a.Parts[0])), "\x00\x00\x00\x0e\x00\x00\x00\x07"+names; got != want {
		t.Errorf("answered %x, want %x", got, want)
	}
	if c, err = toy(2, "\x7f\x02a\x00"); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(c); err == nil || !strings.Contains(err.Error(), "Toy v2: Names: 126 elements in 3 bytes") {
		t.Errorf("more names than there are: %v, want a violation that says so", err)
	}
	if _, err := toy(3, names); err == nil || !strings.Contains(err.Error(), "Toy v3 is not served, only v1 to v2") {
		t.Errorf("version 3: %v, want unsupported_version", err)
	}
	r := parse[*kmsg.ApiVersionsResponse](t, wire.KeyApiVersions, 0, ask(t, b, wire.KeyApiVersions, 0, kmsg.NewPtrApiVersionsRequest()))
	if last := r.ApiKeys[len(r.ApiKeys)-1]; last.ApiKey != 99 || last.MinVersion != 1 || last.MaxVersion != 2 {
		t.Errorf("ApiVersions lists %+v last, want the toy's versions", last)
	}
	if row := "| 99 | Toy | 1–2 | 2 | says names back |\n"; !strings.Contains(markdown(apis), row) {
		t.Errorf("the docs have no row %q", row)
	}
}
