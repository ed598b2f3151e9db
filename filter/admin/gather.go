package admin

import (
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// moment is what is told of a process now, and the charts of its meshes, in their order.
type moment struct {
	status.Status

	charts  []charts
	verdict verdict
}

// now is what is told now, or was a moment ago: that many ask costs no more than that one does.
func (b *Board) now() moment {
	b.gathering.Lock()
	defer b.gathering.Unlock()
	if b.last == nil || time.Since(b.last.Time) > fresh {
		m := b.gather(time.Now())
		b.last = &m
	}
	return *b.last
}

// fresh is the age up to which what was gathered is told again.
const fresh = 100 * time.Millisecond

// gather asks every mesh.
func (b *Board) gather(now time.Time) moment {
	members, draining := b.all()
	m := moment{Status: status.Status{Time: now, Process: b.process, Meshes: []status.Mesh{}}}
	broken := 0
	for _, member := range members {
		mesh, state := b.status(member, true)
		if state == isBroken {
			broken++
		}
		if state != isThere {
			continue
		}
		var drawn charts
		b.guard("charts", func() { drawn = member.draw(&mesh) })
		m.charts, m.Meshes = append(m.charts, drawn), append(m.Meshes, mesh)
	}
	m.verdict = judge(m.Meshes, draining, broken)
	m.Ready = m.verdict.Ready
	m.Problems = problems(&m.Status, draining, broken)
	return m
}

// standing is what became of asking a mesh.
type standing uint8

const (
	isBroken standing = iota // a bug kept it from answering
	isGone                   // it has left meanwhile
	isThere
)

// status asks one mesh for its status.
func (b *Board) status(m *member, withClients bool) (mesh status.Mesh, state standing) {
	b.guard("status", func() {
		asked := m.ask(func(s Source) {
			mesh = s.Status()
			if withClients {
				mesh.Clients = s.Clients()
			}
		})
		state = isGone
		if asked {
			mesh.Bound()
			state = isThere
		}
	})
	return mesh, state
}

// readiness judges the meshes. It is asked often, and looks at no client.
func (b *Board) readiness() verdict {
	members, draining := b.all()
	var meshes []status.Mesh
	broken := 0
	for _, m := range members {
		switch mesh, state := b.status(m, false); state {
		case isThere:
			meshes = append(meshes, mesh)
		case isBroken:
			broken++
		case isGone:
		}
	}
	return judge(meshes, draining, broken)
}

// Samples are the metrics of all meshes together, those that have left included.
func (b *Board) Samples() []stats.Sample {
	for {
		if sum, whole := b.sum(); whole {
			return sum
		}
	}
}

// sum is Samples, unless a mesh has left meanwhile, which may be in it twice or not at all.
func (b *Board) sum() (sum []stats.Sample, whole bool) {
	b.mu.Lock()
	members, sum := slices.Clone(b.members), b.left
	b.mu.Unlock()
	whole = true
	for _, m := range members {
		b.guard("metrics", func() {
			whole = m.ask(func(s Source) { sum = stats.Merge(sum, s.Read()) }) && whole
		})
	}
	return sum, whole
}
