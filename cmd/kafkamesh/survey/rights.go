package survey

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Rights are what the mesh's user may do with a topic or with the cluster, as far as a broker tells (KIP-430): a bit for each operation.
// The zero value is that it does not tell.
type Rights int32

// The operations that the mesh needs, or has use for.
const (
	Read            = kmsg.ACLOperationRead
	Write           = kmsg.ACLOperationWrite
	Describe        = kmsg.ACLOperationDescribe
	Create          = kmsg.ACLOperationCreate
	IdempotentWrite = kmsg.ACLOperationIdempotentWrite
)

// topicOperations and clusterOperations are those that there are (AclEntry.scala).
const (
	topicOperations Rights = 1<<Read | 1<<Write | 1<<Create | 1<<kmsg.ACLOperationDelete |
		1<<kmsg.ACLOperationAlter | 1<<Describe | 1<<kmsg.ACLOperationDescribeConfigs | 1<<kmsg.ACLOperationAlterConfigs
	clusterOperations Rights = 1<<Create | 1<<kmsg.ACLOperationAlter | 1<<Describe | 1<<kmsg.ACLOperationClusterAction |
		1<<kmsg.ACLOperationDescribeConfigs | 1<<kmsg.ACLOperationAlterConfigs | 1<<IdempotentWrite
)

// RightsOf reads what a broker says. It says the smallest number when it was not asked, and 0 to who may not describe the cluster.
func RightsOf(bits int32) Rights { return Rights(max(bits, 0)) }

// Told says whether the broker tells.
func (r Rights) Told() bool { return r > 0 }

// Lacks says that an operation is not allowed. It is false as long as that is not known.
func (r Rights) Lacks(o kmsg.ACLOperation) bool { return r.Told() && r&(1<<o) == 0 }

// All says that everything is allowed, as it is where no authorizer is asked.
func (r Rights) All() bool {
	return r&topicOperations == topicOperations || r&clusterOperations == clusterOperations
}

// Names are the operations that are allowed, by Kafka's names.
func (r Rights) Names() []string {
	var names []string
	for o := kmsg.ACLOperationRead; o <= kmsg.ACLOperationDescribeTokens; o++ {
		if r&(1<<o) != 0 {
			names = append(names, o.String())
		}
	}
	slices.Sort(names)
	return names
}
