package wiretest_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// What Batch builds, franz-go's consumer reads, CRC checked.
func TestBatchIsRead(t *testing.T) {
	t.Parallel()
	for codec := kgo.CodecNone; codec <= kgo.CodecZstd; codec++ {
		b := wiretest.Batch{Records: wiretest.Records(5, 200), Codec: codec, Producer: &wiretest.Producer{ID: 7, Epoch: 1, Sequence: 9}}
		b.Records[1].Key = nil
		b.Records[2].Value = nil // a tombstone
		raw := b.Bytes()
		p := kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches, p.HighWatermark = raw, 100
		got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{}, &p, kgo.DefaultDecompressor(), nil)
		if got.Err != nil || len(got.Records) != len(b.Records) {
			t.Errorf("codec %d: %d records, %v, want %d", codec, len(got.Records), got.Err, len(b.Records))
			continue
		}
		for i, r := range got.Records {
			read := wiretest.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli()}
			for _, h := range r.Headers {
				read.Headers = append(read.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
			}
			if d := cmp.Diff(b.Records[i], read); d != "" {
				t.Errorf("codec %d, record %d:\n%s", codec, i, d)
			}
			if r.ProducerID != 7 || r.ProducerEpoch != 1 {
				t.Errorf("codec %d, record %d: producer %d/%d, want 7/1", codec, i, r.ProducerID, r.ProducerEpoch)
			}
		}
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	for _, v := range []int16{3, 9} {
		frame := wiretest.ProduceFrame(v, 5, "me", "orders", []byte("zero"), []byte("one"))
		h, body, err := wiretest.Requests().ParseHeader(frame[4:])
		if want := (wire.Header{Key: wire.KeyProduce, Version: v, CorrelationID: 5, ClientID: []byte("me")}); !reflect.DeepEqual(h, want) || err != nil {
			t.Errorf("ParseHeader = %+v, %v, want %+v", h, err, want)
		}
		req, err := wire.DecodeProduce(v, body)
		if err != nil || len(req.Topics) != 1 || len(req.Topics[0].Batches) != 2 || !bytes.Equal(req.Topics[0].Batches[1].Records, []byte("one")) {
			t.Errorf("DecodeProduce = %+v, %v", req, err)
		}
	}
}

func TestParseResponse(t *testing.T) {
	t.Parallel()
	for key, versions := range map[wire.APIKey][]int16{wire.KeyApiVersions: {0, 4}, wire.KeyMetadata: {1, 12}} {
		for _, v := range versions {
			want := kmsg.ResponseForKey(int16(key))
			want.SetVersion(v)
			frame := wiretest.ResponseFrame(v, 9, want)
			corr, got, err := wiretest.ParseResponse(key, v, frame)
			if corr != 9 || err != nil {
				t.Errorf("%s v%d: %d, %v, want 9", key, v, corr, err)
			}
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(kmsg.Tags{})); d != "" {
				t.Errorf("%s v%d:\n%s", key, v, d)
			}
			for n := range frame {
				if _, _, err := wiretest.ParseResponse(key, v, frame[:n]); err == nil {
					t.Errorf("%s v%d: %d of %d bytes are taken", key, v, n, len(frame))
				}
			}
			long := append(bytes.Clone(frame), 0)
			long[3]++
			if _, _, err := wiretest.ParseResponse(key, v, long); err == nil {
				t.Errorf("%s v%d: a byte too many is taken", key, v)
			}
		}
	}
}
