package authorizer

import "strings"

// Operation is what somebody wants to do, as in Kafka's ACLs.
type Operation uint8

// Operations.
const (
	Read Operation = iota
	Write
	Create
	Describe
	Alter
	Delete
	DescribeConfigs
	AlterConfigs

	operations = iota
)

// String is the operation as Kafka calls it.
func (o Operation) String() string {
	return [operations]string{"READ", "WRITE", "CREATE", "DESCRIBE", "ALTER", "DELETE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"}[o]
}

// Operations is a set of them. The zero value is empty.
type Operations uint16

// All is every operation.
const All Operations = 1<<operations - 1

// Of is the set of some operations.
func Of(list ...Operation) Operations {
	var s Operations
	for _, o := range list {
		s |= 1 << o
	}
	return s
}

// Has reports whether an operation is in the set.
func (s Operations) Has(o Operation) bool { return s&(1<<o) != 0 }

// Each calls visit for each of them, in order.
func (s Operations) Each(visit func(Operation)) {
	for o := range Operation(operations) {
		if s.Has(o) {
			visit(o)
		}
	}
}

// String lists them.
func (s Operations) String() string {
	var names []string
	s.Each(func(o Operation) { names = append(names, o.String()) })
	return strings.Join(names, ", ")
}

// implied is the set with what allowing it allows, too.
func (s Operations) implied() Operations {
	if s&Of(Read, Write, Delete, Alter) != 0 {
		s |= Of(Describe)
	}
	if s.Has(AlterConfigs) {
		s |= Of(DescribeConfigs)
	}
	return s
}

// Kind is what something is done with.
type Kind uint8

// Kinds.
const (
	Topic Kind = iota
	Group
	TransactionalID
	// Cluster is what has no name: the cluster that clients see.
	Cluster

	kinds = iota
)

// String is the kind in words.
func (k Kind) String() string {
	return [kinds]string{"topic", "group", "transactional id", "cluster"}[k]
}

// Operations are those that clients can ask for of a kind. Kafka has more for the cluster, which are not for clients of the mesh.
func (k Kind) Operations() Operations {
	return [kinds]Operations{
		All,
		Of(Read, Describe, Delete),
		Of(Write, Describe),
		Of(Create, Describe),
	}[k]
}
