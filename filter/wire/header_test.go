package wire_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestParseHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		frame string
		want  wire.Header
		body  string
		err   wire.Reason
		says  string
	}{
		{"v1", "0000" + "0003" + "00000005" + "0002" + "6162" + "cafe", wire.Header{Version: 3, CorrelationID: 5, ClientID: []byte("ab")}, "cafe", 0, ""},
		{"null client id", "0003" + "0001" + "ffffffff" + "ffff", wire.Header{Key: wire.KeyMetadata, Version: 1, CorrelationID: -1}, "", 0, ""},
		{"v2", "0000" + "0009" + "00000005" + "0001" + "61" + "00" + "cafe", wire.Header{Version: 9, CorrelationID: 5, ClientID: []byte("a")}, "cafe", 0, ""},
		{"v2 with tags", "0000" + "0009" + "00000005" + "0000" + "02" + "0002abcd" + "0900" + "cafe", wire.Header{Version: 9, CorrelationID: 5}, "cafe", 0, ""},
		{"fetch is not flexible", "0001" + "000b" + "00000005" + "0000" + "01", wire.Header{Key: wire.KeyFetch, Version: 11, CorrelationID: 5}, "01", 0, ""},
		{
			"newer ApiVersions", "0012" + "0005" + "00000005" + "0001" + "61" + "ffffffff",
			wire.Header{Key: wire.KeyApiVersions, Version: 5, CorrelationID: 5, ClientID: []byte("a")},
			"", 0, "",
		},
		{"ApiVersions below zero", "0012" + "ffff" + "00000005" + "0000", wire.Header{Key: wire.KeyApiVersions, Version: -1, CorrelationID: 5}, "", 0, ""},
		{"unknown api", "0047" + "0000" + "00000005" + "0001" + "61", wire.Header{Key: 71, CorrelationID: 5, ClientID: []byte("a")}, "", wire.ReasonUnknownAPI, "api key 71 (GetTelemetrySubscriptions) version 0"},
		{"newer version", "0000" + "000d" + "00000005" + "0000", wire.Header{Version: 13, CorrelationID: 5}, "", wire.ReasonUnsupportedVersion, "Produce v13"},
		{"older version", "0001" + "0003" + "00000005" + "0000", wire.Header{Key: wire.KeyFetch, Version: 3, CorrelationID: 5}, "", wire.ReasonUnsupportedVersion, "only v4 to v18"},
		{"client id beyond the frame", "0000" + "0003" + "00000005" + "7fff" + "61", wire.Header{Version: 3, CorrelationID: 5}, "", wire.ReasonMalformedHeader, "client id: 32767 bytes wanted, 1 left"},
		{"tags beyond the frame", "0000" + "0009" + "00000005" + "0000" + "ffffffff0f", wire.Header{Version: 9, CorrelationID: 5}, "", wire.ReasonMalformedHeader, "tagged fields"},
		{"empty", "", wire.Header{}, "", wire.ReasonMalformedHeader, "frame of 0 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frame, err := hex.DecodeString(tt.frame)
			if err != nil {
				t.Fatal(err)
			}
			h, body, err := served.ParseHeader(frame)
			if !cmp.Equal(h, tt.want, cmpopts.EquateEmpty()) || hex.EncodeToString(body) != tt.body {
				t.Errorf("ParseHeader(%s) = %+v, %x, want %+v, %s", tt.frame, h, body, tt.want, tt.body)
			}
			if reasonOf(err) != tt.err || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("ParseHeader(%s): %v, want %q that says %q", tt.frame, err, tt.err, tt.says)
			}
		})
	}
}

func TestParseHeaderTruncated(t *testing.T) {
	t.Parallel()
	for _, v := range []int16{3, 9} {
		frame := wiretest.ProduceFrame(v, 1, "client", "t")[4:]
		_, body, err := served.ParseHeader(frame)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(frame) - len(body) {
			if _, _, err := served.ParseHeader(frame[:n]); reasonOf(err) != wire.ReasonMalformedHeader {
				t.Errorf("v%d, %d bytes: %v, want malformed_header", v, n, err)
			}
		}
	}
}

func TestAppendResponse(t *testing.T) {
	t.Parallel()
	eachRequest(func(h wire.Header) {
		want := request(h.Key, h.Version).ResponseKind()
		got := wire.AppendResponse([]byte("before"), h, want)[len("before"):]
		if d := cmp.Diff(wiretest.ResponseFrame(h.Version, h.CorrelationID, want), got); d != "" {
			t.Errorf("%s v%d:\n%s", h.Key, h.Version, d)
		}
		if _, _, err := wiretest.ParseResponse(h.Key, h.Version, got); err != nil {
			t.Errorf("%s v%d: %v", h.Key, h.Version, err)
		}
	})
}

func TestAppendResponseToNewerApiVersions(t *testing.T) {
	t.Parallel()
	resp := kmsg.NewPtrApiVersionsResponse() // version 0
	resp.ErrorCode = int16(wire.UnsupportedVersion)
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}}
	got := wire.AppendResponse(nil, wire.Header{Key: wire.KeyApiVersions, Version: 5, CorrelationID: 1}, resp)
	if want := "00000010" + "00000001" + "0023" + "00000001" + "0012" + "0000" + "0004"; hex.EncodeToString(got) != want {
		t.Errorf("AppendResponse = %x, want %s", got, want)
	}
}
