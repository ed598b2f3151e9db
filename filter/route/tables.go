package route

// Tables says where topics are written and read, and where groups are. It never changes, and the zero value matches nothing.
type Tables struct {
	// Written and Read are the rules of topics, for the two things that can be done with them.
	Written, Read Table
	// Groups are the rules of group ids. A group without one is at DefaultHome.
	Groups      Table
	DefaultHome string
}

// Lookup is the first rule that matches a topic that is written to. False: no rule does.
func (t Tables) Lookup(topic string) (r Rule, ok bool) { return t.Written.Lookup(topic) }

// Reads is the first rule that matches a topic that is read. False: no rule does.
func (t Tables) Reads(topic string) (r Rule, ok bool) { return t.Read.Lookup(topic) }

// Home is the cluster that a group's members are of.
func (t Tables) Home(group string) (cluster string) {
	if r, ok := t.Groups.Lookup(group); ok {
		return r.Cluster
	}
	return t.DefaultHome
}
