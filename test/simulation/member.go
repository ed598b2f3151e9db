package simulation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const (
	// stepTime is how often a member looks at what there is to do.
	stepTime = 100 * time.Millisecond
	// groupDue is how long a member waits for an answer, joinDue for that to JoinGroup and SyncGroup.
	groupDue, joinDue = 5 * time.Second, rebalanceTime + 5*time.Second
)

// member is a model of a consumer in a group. It reads records that there always are, and commits how far it is. Everything it does
// happens on the timeline.
type member struct {
	name, group string
	world       *groupWorld
	rnd         *rand.Rand
	at          int // which replica it connects to
	away        time.Duration
	link        *link
	open        []asked // on their way, in order
	frozen      bool
	over        bool
	life        life
	as          claim               // what it commits as
	positions   map[topicPart]int64 // how far it has read what it owns
	commits     int                 // so far
	rests       time.Time           // it asks for nothing before
	broken      []string            // what no member should meet
}

// life is what a member does by its protocol.
//
//nolint:interfacebloat // what it is told, and what it does
type life interface {
	// step does whatever there is to do now, on a connection that stands.
	step()
	// lost is told that the connection is.
	lost()
	// settled says that it is a member and reads.
	settled() bool
	// leave asks to leave the group.
	leave()
	// excluded is told that it is a member no more, or of another generation.
	excluded()
	// again is told that it should join again, or that its epoch is another by now.
	again()
}

// asked is a request on its way.
type asked struct {
	id      int32
	key     wire.APIKey
	version int16
	sent    time.Time
	then    func(kmsg.Response) // nil: there is no answer
}

// begin has a member begin to do what it does.
func (m *member) begin() {
	m.connect()
	m.world.line.after(duration(m.rnd, stepTime), m.tick)
}

func (m *member) tick() {
	if m.over {
		return
	}
	m.world.line.after(stepTime/2+duration(m.rnd, stepTime), m.tick)
	m.step()
}

func (m *member) step() {
	if !m.frozen && !m.over && m.link != nil && m.link.up && !time.Now().Before(m.rests) {
		m.life.step()
	}
}

// rest has the member ask for nothing for a while.
func (m *member) rest() { m.rests = time.Now().Add(stepTime + duration(m.rnd, stepTime)) }

// waits reports whether an answer of a kind is to come.
func (m *member) waits(key wire.APIKey) bool {
	return slices.ContainsFunc(m.open, func(a asked) bool { return a.key == key })
}

// ask sends a request, and has then be called with what is answered.
func (m *member) ask(key wire.APIKey, version int16, request kmsg.Request, then func(kmsg.Response)) {
	l := m.link
	a := asked{l.next, key, version, time.Now(), then}
	l.next++
	m.open = append(m.open, a)
	due := groupDue
	if key == wire.KeyJoinGroup || key == wire.KeySyncGroup {
		due = joinDue
	}
	m.world.line.after(due, func() { m.giveUp(l, a.id) })
	l.way.send(wiretest.Frame(key, version, a.id, m.name, request))
}

// giveUp closes a connection on which a request has not been answered in time.
func (m *member) giveUp(l *link, id int32) {
	if l.dead || m.over || len(m.open) == 0 || m.open[0].id != id {
		return
	}
	if m.frozen {
		m.world.line.after(stepTime, func() { m.giveUp(l, id) })
		return
	}
	m.world.line.note("%s waits no longer for an answer to %s", m.name, m.open[0].key)
	l.way.close()
	m.lost(l)
}

func (m *member) connect() {
	m.link = new(link)
	m.world.replicas[m.at].mesh.connect(m, m.link)
}

// connected is called when the link stands.
func (m *member) connected(l *link) {
	l.up = true
	m.step()
}

// received takes what has come on a link.
func (m *member) received(l *link, p []byte) {
	if _, err := l.receive(p, m.frozen, m.take); err != nil {
		m.broken = append(m.broken, err.Error())
		l.way.close()
		m.lost(l)
	}
}

// take takes one answer.
func (m *member) take(frame []byte) error {
	if len(m.open) == 0 {
		return fmt.Errorf("an answer that nobody asked for: % x", frame)
	}
	a := m.open[0]
	m.open = m.open[1:]
	if id := int32(binary.BigEndian.Uint32(frame[4:])); id != a.id {
		return fmt.Errorf("answer to %d, expected %d", id, a.id)
	}
	_, response, err := wiretest.ParseResponse(a.key, a.version, frame)
	if err == nil {
		a.then(response)
	}
	return err
}

// lost is called when a connection has ended, or could not be made.
func (m *member) lost(l *link) {
	if l.dead {
		return
	}
	l.dead, l.up = true, false
	m.world.line.note("%s loses its connection", m.name)
	open := m.open
	m.open = nil
	for _, a := range open {
		a.then(nil)
	}
	if m.over {
		return
	}
	m.life.lost()
	m.world.line.after(20*time.Millisecond+duration(m.rnd, 100*time.Millisecond), func() {
		if !m.over {
			m.connect()
		}
	})
}

func (m *member) still() bool { return m.frozen }

func (m *member) title() string { return m.name }

func (m *member) distance() time.Duration {
	return m.away + time.Microsecond + duration(m.rnd, m.away/4+time.Microsecond)
}

// freeze has the member do nothing, as a process that is paused, or go on.
func (m *member) freeze(on bool) {
	m.frozen = on
	if on || m.over {
		return
	}
	m.step() // before it has read that it is excluded
	if l := m.link; l != nil && l.way != nil {
		l.way.thaw()
		m.received(l, nil)
	}
}

// sever breaks the member's connection.
func (m *member) sever(lag time.Duration, drop bool) {
	if l := m.link; l != nil && l.way != nil && !m.over {
		l.way.sever(lag, drop)
		m.lost(l)
	}
}

// end has the member do nothing more; with leave it says so.
func (m *member) end(leave bool) {
	if m.over {
		return
	}
	if leave && m.link != nil && m.link.up {
		m.life.leave()
	}
	m.over = true
	m.positions = nil
	if l := m.link; l != nil && l.way != nil && !l.dead {
		l.way.close()
		m.lost(l)
	}
}
