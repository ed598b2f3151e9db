package config

import kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"

// Access is what clients may do with topics beside writing and reading. The zero value is AccessRead.
type Access uint8

// What clients may do.
const (
	// AccessRead is to see configurations.
	AccessRead Access = iota
	// AccessNone is nothing.
	AccessNone
	// AccessCreate is AccessRead, and to create topics and to give them more partitions.
	AccessCreate
	// AccessAll is AccessCreate, and to alter configurations and to delete records and topics.
	AccessAll
)

// administration checks administration and fills c.TopicAccess and c.GroupAccess.
func (c *Config) administration(bad *mistakes, m *kafkameshv1.Administration) {
	switch topics := m.GetTopics(); topics {
	case kafkameshv1.Administration_ACCESS_NONE:
		c.TopicAccess = AccessNone
	case kafkameshv1.Administration_ACCESS_UNSPECIFIED, kafkameshv1.Administration_ACCESS_READ:
		c.TopicAccess = AccessRead
	case kafkameshv1.Administration_ACCESS_CREATE:
		c.TopicAccess = AccessCreate
	case kafkameshv1.Administration_ACCESS_ALL:
		c.TopicAccess = AccessAll
	default:
		bad.add("administration.topics", "%d is not known; remove it", topics)
	}
	switch groups := m.GetGroups(); groups {
	case kafkameshv1.Administration_ACCESS_UNSPECIFIED, kafkameshv1.Administration_ACCESS_READ:
		c.GroupAccess = AccessRead
	case kafkameshv1.Administration_ACCESS_ALL:
		c.GroupAccess = AccessAll
	case kafkameshv1.Administration_ACCESS_NONE, kafkameshv1.Administration_ACCESS_CREATE:
		bad.add("administration.groups", "%s is for topics; write ACCESS_READ, with which groups can be seen, or ACCESS_ALL, with which they "+
			"can be deleted, too", groups)
	default:
		bad.add("administration.groups", "%d is not known; remove it", groups)
	}
}
