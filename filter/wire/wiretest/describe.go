package wiretest

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// describeRequest says in a few words what a request other than Produce asks for.
func describeRequest(r kmsg.Request) string {
	switch r := r.(type) {
	case *kmsg.ApiVersionsRequest:
		return fmt.Sprintf("software %q %q", r.ClientSoftwareName, r.ClientSoftwareVersion)
	case *kmsg.MetadataRequest:
		if r.Topics == nil {
			return "all topics"
		}
		var names []byte
		for _, t := range r.Topics {
			if t.Topic != nil {
				names = fmt.Appendf(names, " %q", *t.Topic)
			}
		}
		return fmt.Sprintf("%d topics%s, may be created: %t", len(r.Topics), names, r.AllowAutoTopicCreation)
	case *kmsg.InitProducerIDRequest:
		return fmt.Sprintf("transactional: %t, id %d, epoch %d", r.TransactionalID != nil, r.ProducerID, r.ProducerEpoch)
	default:
		return fmt.Sprintf("%T", r)
	}
}

// describeProduce says in a line what a Produce request carries.
func describeProduce(r wire.ProduceRequest) string {
	text := fmt.Appendf(nil, "acks %d, timeout %d ms", r.Acks, r.TimeoutMillis)
	for _, t := range r.Topics {
		for _, b := range t.Batches {
			magic := "?"
			if len(b.Records) > 16 {
				magic = strconv.Itoa(int(b.Records[16]))
			}
			text = fmt.Appendf(text, "; %s/%d %d bytes of magic %s", t.Name, b.Partition, len(b.Records), magic)
		}
	}
	return string(text)
}
