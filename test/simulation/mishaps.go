package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// mishap is one thing that goes wrong with groups, and gets right again after a while.
type mishap struct {
	name      string
	at, lasts time.Duration
	begin     func()
	end       func() // nil: it is over at once
}

// groupSpan is the time in which mishaps begin: members need some to become a group.
const groupSpan = 12 * time.Second

// mishaps draws what goes wrong.
func (w *groupWorld) mishaps() []mishap {
	all := make([]mishap, 3+w.rnd.IntN(12))
	within := pick(w.rnd, groupSpan, groupSpan/4)
	from := duration(w.rnd, groupSpan-within+1)
	for i := range all {
		draw := pick(w.rnd, w.brokerMishap, w.brokerMishap, w.clusterMishap, w.clusterMishap, w.memberMishap, w.memberMishap, w.memberMishap)
		m := draw(exponential(w.rnd, 700*time.Millisecond))
		m.at = from + duration(w.rnd, within)
		all[i] = m
	}
	slices.SortFunc(all, func(a, b mishap) int { return int(a.at - b.at) })
	return all
}

// plan has them happen, and lists them.
func (w *groupWorld) plan(all []mishap) string {
	lines := make([]string, 0, len(all))
	for _, m := range all {
		line := fmt.Sprintf("%10s for %10s: %s", m.at, m.lasts, m.name)
		lines = append(lines, line)
		w.line.after(m.at, func() {
			w.line.note("%s", line)
			m.begin()
			if m.end != nil {
				w.line.after(m.lasts, m.end)
			}
		})
	}
	return strings.Join(lines, "\n")
}

// brokerMishap is about one broker, mostly one that coordinates.
func (w *groupWorld) brokerMishap(lasts time.Duration) mishap {
	cluster, group := pick(w.rnd, home, other, other), pick(w.rnd, w.names...)
	c, at := w.clusters[cluster], int32(1+w.rnd.IntN(brokers))
	drawn := w.rnd.IntN(4) == 0
	id := func() int32 { // whoever coordinates when it happens
		if drawn {
			return at
		}
		return max(w.coordinators[cluster].broker(group), 1)
	}
	both := func(name string, set func(id int32, on bool)) mishap {
		var of int32
		return mishap{name: name + " on " + cluster, lasts: lasts, begin: func() { of = id(); set(of, true) }, end: func() { set(of, false) }}
	}
	slow := exponential(w.rnd, 50*time.Millisecond)
	switch w.rnd.IntN(6) {
	case 0:
		return both("broker down", c.Down)
	case 1:
		w.delay(cluster, lasts)
		return both("broker stalls", c.Stall)
	case 2:
		return both("broker deaf", c.Deafen)
	case 3:
		return both("broker takes no connections", c.Refuse)
	case 4:
		return mishap{name: "broker cut on " + cluster, begin: func() { c.Cut(id()) }}
	default:
		w.slowest += 8 * slow // the check, perhaps twice, and the commit
		return both(fmt.Sprintf("broker slow by %s", slow), func(id int32, on bool) {
			if on {
				c.Delay(id, slow, 3*slow)
			} else {
				w.calm(cluster, id)
			}
		})
	}
}

// delay takes down that answers of the home come late by so much: a check is as old as its answer.
func (w *groupWorld) delay(cluster string, by time.Duration) {
	if cluster == home {
		w.slowest += by
	}
}

// clusterMishap is about a cluster, or who coordinates there.
func (w *groupWorld) clusterMishap(lasts time.Duration) mishap {
	cluster, group := pick(w.rnd, home, other, other), pick(w.rnd, w.names...)
	c, to := w.clusters[cluster], int32(1+w.rnd.IntN(brokers))
	all := func(set func(id int32, on bool)) func(on bool) {
		return func(on bool) {
			for id := range int32(brokers) {
				set(id+1, on)
			}
		}
	}
	lasting := func(name string, set func(on bool)) mishap {
		return mishap{name: name + " on " + cluster, lasts: lasts, begin: func() { set(true) }, end: func() { set(false) }}
	}
	switch w.rnd.IntN(7) {
	case 0, 1:
		return mishap{name: "coordinator moves on " + cluster, begin: func() { w.coordinators[cluster].move(group, to) }}
	case 2:
		return lasting("nobody coordinates", func(on bool) {
			if on {
				w.coordinators[cluster].move(group, -1)
			} else {
				w.coordinators[cluster].move(group, to)
			}
		})
	case 3:
		return lasting("cluster gone", all(c.Down))
	case 4:
		w.delay(cluster, lasts)
		return lasting("cluster hangs", all(c.Stall))
	case 5:
		return lasting("cluster says nothing of itself", c.Silence)
	default:
		lasts *= 4
		return lasting("connections take long", func(on bool) {
			if !on {
				c.DelayDials(w.distance)
				return
			}
			for id := range int32(brokers) {
				c.Cut(id + 1)
			}
			c.DelayDials(lasts)
		})
	}
}

// memberMishap is about a member of a group, or a proxy.
func (w *groupWorld) memberMishap(lasts time.Duration) mishap {
	group, n := pick(w.rnd, w.names...), w.rnd.IntN(8)
	lag, drop := exponential(w.rnd, 300*time.Millisecond), w.rnd.IntN(2) == 0
	one := func(do func(m *member)) func() {
		return func() {
			if alive := w.alive(group); len(alive) > 0 {
				do(alive[n%len(alive)])
			}
		}
	}
	switch w.rnd.IntN(10) {
	case 8, 9:
		return w.heldCommit(group, one)
	case 0:
		return mishap{name: "member comes to " + group, begin: func() { w.enter(group) }}
	case 1:
		return mishap{name: "member leaves " + group, begin: one(func(m *member) { w.replace(m, drop) })}
	case 2:
		return mishap{name: "connection breaks", begin: one(func(m *member) { m.sever(lag, drop) })}
	case 3:
		return mishap{name: "member moves", begin: one(func(m *member) {
			m.at = (m.at + 1) % replicas
			m.sever(lag, drop)
		})}
	case 4:
		return mishap{name: "proxy restarted", begin: func() { w.restart(n % replicas) }}
	default:
		lasts *= 4
		var frozen *member
		return mishap{
			name: "member frozen", lasts: lasts, begin: one(func(m *member) { frozen = m; m.freeze(true) }),
			end: func() {
				if frozen != nil {
					frozen.freeze(false)
				}
			},
		}
	}
}

// heldCommit is a member that commits, loses its connection and goes on, while the commit is still on its way to another cluster.
func (w *groupWorld) heldCommit(group string, one func(do func(m *member)) func()) mishap {
	c, takes, then := w.clusters[other], duration(w.rnd, 4*time.Second), w.distance+exponential(w.rnd, 100*time.Millisecond)
	leaves := w.rnd.IntN(3) == 0
	return mishap{
		name: fmt.Sprintf("commit held for %s, connection breaks after %s", takes, then), lasts: takes,
		begin: one(func(m *member) {
			for id := range int32(brokers) {
				c.Cut(id + 1)
			}
			c.DelayDials(takes)
			if m.frozen || m.link == nil || !m.link.up || len(m.positions) == 0 {
				return
			}
			m.commit()
			w.line.after(then, func() {
				if m.over {
					return
				}
				m.sever(0, false)
				m.life.again()
				if leaves {
					w.enter(group)
				}
			})
		}),
		end: func() { c.DelayDials(w.distance) },
	}
}

// replace has a member leave, or be gone, and another come if it was the last.
func (w *groupWorld) replace(m *member, leave bool) {
	m.end(leave)
	if len(w.alive(m.group)) == 0 {
		w.enter(m.group)
	}
}

// heal ends whatever may still be wrong.
func (w *groupWorld) heal() {
	for name, c := range w.clusters {
		for id := range int32(brokers) {
			c.Down(id+1, false)
			c.Stall(id+1, false)
			c.Deafen(id+1, false)
			c.Refuse(id+1, false)
			w.calm(name, id+1)
		}
		c.Silence(false)
		c.DelayDials(w.distance)
		for _, group := range w.names {
			if w.coordinators[name].broker(group) < 0 {
				w.coordinators[name].move(group, 1)
			}
		}
	}
	for _, m := range w.members {
		if m.frozen {
			m.freeze(false)
		}
	}
	w.healed, w.healedAt = true, w.line.now()
}
