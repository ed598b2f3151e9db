package groups

import (
	"container/list"
	"sync"
)

// Key names a member of a group.
type Key struct{ Group, Member string }

const (
	// maxMemory is how many bytes the members that are remembered may come to.
	maxMemory = 32 << 20
	// What a member comes to beside its names and partitions, and what each of its stakes, names and topics does.
	memberCost, stakeCost, nameCost, topicCost = 1024, 256, 16, 48
	// maxRefusal is how much of what a cluster says to a refusal is remembered, and refusalCost what that comes to.
	maxRefusal, refusalCost = 512, 1024
)

// Members remembers members, those that were heard of last. The zero value remembers none. Any goroutine may use it.
type Members struct {
	mu     sync.Mutex
	size   int
	of     map[Key]*list.Element
	recent list.List // of remembered, the last one heard of first
}

// remembered is one that is remembered.
type remembered struct {
	key    Key
	member *Member
	size   int
}

// Find returns what is known of a member; nil: nothing.
func (m *Members) Find(k Key) *Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.of[k]
	if e == nil {
		return nil
	}
	m.recent.MoveToFront(e)
	return e.Value.(*remembered).member //nolint:forcetypeassert // nothing else is in it
}

// Keep remembers a member, which nobody changes any more, and forgets others if there is no room.
func (m *Members) Keep(k Key, member *Member) {
	n := &remembered{k, member, len(k.Group) + len(k.Member) + member.size()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(m.of[k])
	if m.of == nil {
		m.of = map[Key]*list.Element{}
	}
	m.of[k] = m.recent.PushFront(n)
	m.size += n.size
	for m.size > maxMemory {
		m.drop(m.recent.Back())
	}
}

// Forget forgets a member.
func (m *Members) Forget(k Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(m.of[k])
}

// drop forgets one, if it is there. m.mu is held.
func (m *Members) drop(e *list.Element) {
	if e == nil {
		return
	}
	n := m.recent.Remove(e).(*remembered) //nolint:forcetypeassert // nothing else is in it
	delete(m.of, n.key)
	m.size -= n.size
}
