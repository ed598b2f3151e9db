package broker

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// resource is what a configuration is of.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// isFacade reports whether it is the one broker that clients see, or all brokers.
func (r resource) isFacade() bool {
	return r.kind == kmsg.ConfigResourceTypeBroker && (r.name == "0" || r.name == "")
}

// strange is why something that is no topic is neither described nor altered.
func (r resource) strange() (wire.ErrorCode, string) {
	switch r.kind {
	case kmsg.ConfigResourceTypeTopic:
		return wire.None, ""
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		return wire.ClusterAuthorizationFailed, "this proxy is broker 0 to its clients, and has no configuration of a broker; those of clusters' brokers are for clients of the clusters themselves"
	case kmsg.ConfigResourceTypeGroupConfig:
		return wire.GroupAuthorizationFailed, "configurations of groups are not served by this proxy, only those of topics"
	case kmsg.ConfigResourceTypeClientMetrics:
		return wire.ClusterAuthorizationFailed, "client metrics are not served by this proxy"
	default:
		return wire.InvalidRequest, "nothing is known of resources of type " + strconv.Itoa(int(r.kind)) + "; this proxy has configurations of topics"
	}
}

// resources are those that a request names, each once.
type resources struct {
	keys  []resource
	index map[resource]int
	same  [][]int // where the request names each
}

// resourcesOf are those of a request that names n, if there is room for what it comes to.
func resourcesOf(c *Call, n int, of func(i int) resource) (resources, error) {
	if err := hold(c, administeredCost*n+bodyCost*len(c.Body)); err != nil {
		return resources{}, err
	}
	r := resources{same: distinct(n, of), index: map[resource]int{}}
	for i, same := range r.same {
		key := of(same[0])
		r.keys = append(r.keys, key)
		r.index[key] = i
	}
	return r, nil
}

// topic is the name of one that is a topic, else empty.
func (r *resources) topic(i int) string {
	if r.keys[i].kind != kmsg.ConfigResourceTypeTopic {
		return ""
	}
	return r.keys[i].name
}

// topics is how many of them are topics.
func (r *resources) topics() (n int) {
	for _, key := range r.keys {
		if key.kind == kmsg.ConfigResourceTypeTopic {
			n++
		}
	}
	return n
}

// alteration is a request that alters configurations. In one respect its versions of old and its incremental form differ: what is sent.
type alteration struct {
	*administration

	resources resources
	// part makes what a cluster is sent of the request's resources.
	part func(which []int) kmsg.Request
	// take puts what a cluster says into the entries.
	take func(kmsg.Response)
}

// alter returns a request that alters asked, and is answered with response. entry is where it says what became of each.
func (b *Broker) alter(c *Call, asked resources, response kmsg.Response, entry func(i int) (*int16, **string)) *alteration {
	a := &alteration{resources: asked}
	a.administration = b.administer(c, response, entry, func() (size int) {
		for i := range asked.keys {
			_, message := entry(i)
			size += alteredEntry + sizeOf(&asked.keys[i].name, *message)
		}
		return alteredHead + size
	})
	return a
}

// alterTimeout is how long a cluster may take to alter configurations: such requests do not say.
const alterTimeout = 30_000

// send sends each cluster what it is to alter.
func (a *alteration) send() {
	n := len(a.resources.keys)
	a.summary.Topics = a.resources.topics()
	if why := a.broker.denies(AccessAll, "alter configurations"); why != "" {
		a.denyAll(n, why)
		return
	}
	clusters, of := a.spread(authorizer.AlterConfigs, n, a.resources.topic, func(i int) (wire.ErrorCode, string) { return a.resources.keys[i].strange() })
	for _, cluster := range clusters {
		var which []int
		for _, i := range of[cluster] {
			which = append(which, a.resources.same[i]...)
		}
		a.command(cluster, of[cluster], a.part(which), alterTimeout, a.take)
	}
	a.end()
}

// What a response has beside its texts: at all, and in each entry.
const alteredHead, alteredEntry = 64, 16
