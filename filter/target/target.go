package target

import "fmt"

// Broker says which broker of a cluster is meant. It can be compared, and the zero value is any of them.
type Broker struct {
	role Role
	id   int32  // the node id, or the partition
	name string // of the topic or group
}

// Role is what a broker is known by.
type Role uint8

// The roles of brokers.
const (
	RoleAny         Role = iota
	RoleNode             // it has a node id
	RoleLeader           // it leads a partition
	RoleController       // it is the cluster's controller, or says so
	RoleCoordinator      // it coordinates a group
)

// Any is any broker.
func Any() Broker { return Broker{} }

// Node is the broker with a node id.
func Node(id int32) Broker { return Broker{role: RoleNode, id: id} }

// Leader is the broker that leads a partition.
func Leader(topic string, partition int32) Broker { return Broker{RoleLeader, partition, topic} }

// Controller is the broker that is the cluster's controller.
func Controller() Broker { return Broker{role: RoleController} }

// Coordinator is the broker that coordinates a group.
func Coordinator(group string) Broker { return Broker{role: RoleCoordinator, name: group} }

// Role is what the broker is known by.
func (b Broker) Role() Role { return b.role }

// Node is its node id, for RoleNode.
func (b Broker) Node() int32 { return b.id }

// Partition is the partition that it leads, for RoleLeader.
func (b Broker) Partition() (topic string, partition int32) { return b.name, b.id }

// Group is the group that it coordinates, for RoleCoordinator.
func (b Broker) Group() string { return b.name }

// String says which broker is meant.
func (b Broker) String() string {
	switch b.role {
	case RoleNode:
		return fmt.Sprintf("broker %d", b.id)
	case RoleLeader:
		return fmt.Sprintf("the leader of %s/%d", b.name, b.id)
	case RoleController:
		return "the controller"
	case RoleCoordinator:
		return fmt.Sprintf("the coordinator of group %q", b.name)
	default:
		return "any broker"
	}
}
