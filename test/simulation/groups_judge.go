package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// bound is how much later than a member was excluded at home a commit of its may come to another cluster, beside the ways of the home's
// answer and of the commit: what has not been sent a second after that answer is checked again.
const bound = time.Second

// own takes down who is to read what in a generation of a classic group: nobody reads what another does.
func (w *groupWorld) own(m *member, as claim, owned []topicPart) {
	for _, s := range owned {
		at := generationSpot{groupSpot{m.group, s}, as.generation}
		if by, there := w.owners[at]; there && by != as.member {
			w.wrong = append(w.wrong, fmt.Sprintf("%s/%d is owned by %s and %s in generation %d of %s", s.topic, s.partition, by, as.member,
				as.generation, m.group))
		}
		w.owners[at] = as.member
	}
}

// takes takes down who reads what in a group of the new protocol: nobody is given what another has who is a member.
func (w *groupWorld) takes(m *member, fresh []topicPart) {
	for _, s := range fresh {
		at := groupSpot{m.group, s}
		has := func(by *member) bool { // and is a member: who stood still may be none any more
			c, _ := by.life.(*consumerLife)
			return !by.over && c != nil && slices.Contains(c.owned, s) && w.coordinators[clusterOf(s.topic)].hasMember(m.group, by.as.member)
		}
		if by := w.owns[at]; by != nil && by != m && has(by) && has(m) {
			w.wrong = append(w.wrong, fmt.Sprintf("at %s %s/%d is owned by %s and %s", w.line.now(), s.topic, s.partition, by.name, m.name))
		}
		w.owns[at] = m
	}
}

func (w *groupWorld) describe(group string, s topicPart, told int64, kept []int64) string {
	return fmt.Sprintf("%s/%d of %s: %d, kept were %v", s.topic, s.partition, group, told, kept)
}

// quiet reports whether all members read, all that there is is read by one of each group, and has been committed since all was well.
func (w *groupWorld) quiet() bool { return w.unrest() == "" }

// unrest says why it is not quiet.
func (w *groupWorld) unrest() string {
	var why []string
	for _, group := range w.names {
		owned := map[topicPart]int{}
		for _, m := range w.alive(group) {
			if !m.life.settled() {
				why = append(why, m.name+" does not read")
			}
			for s := range m.positions {
				owned[s]++
			}
		}
		for _, s := range everyPart() {
			if owned[s] != 1 || !w.kept[groupSpot{group, s}] {
				why = append(why, fmt.Sprintf("%s/%d of %s is read by %d, committed %t", s.topic, s.partition, group, owned[s],
					w.kept[groupSpot{group, s}]))
			}
		}
	}
	return strings.Join(why, ", ")
}

// views tells what clusters have of groups of the new protocol.
func (w *groupWorld) views() string {
	var said strings.Builder
	for _, name := range []string{home, other} {
		c := w.coordinators[name]
		c.mu.Lock()
		for _, g := range c.groups {
			said.WriteString("\n" + g.view())
		}
		c.mu.Unlock()
	}
	return said.String()
}

// late reports whether a commit of a classic group came to another cluster than the home when its member had been excluded there, and how
// much later.
func (w *groupWorld) late(k offsetKey, c commit) (by time.Duration, late bool) {
	g := w.coordinators[home].classic[k.group]
	if g == nil {
		return 0, false
	}
	who, _ := parse(c.by)
	ended, there := g.ended[who]
	return c.at - ended, there && c.at > ended
}

// judge says what is wrong.
func (w *groupWorld) judge(r *GroupResult) {
	r.Wrong = w.wrong
	for _, m := range w.members {
		for _, b := range m.broken {
			r.Wrong = append(r.Wrong, m.name+" "+b)
		}
	}
	for name, c := range w.coordinators {
		for k, all := range c.offsets.of {
			r.Commits += len(all)
			if name == home || isNew(k.group) {
				continue
			}
			for _, one := range all {
				w.judgeElsewhere(r, k, one)
			}
		}
		wrong, known := c.offsets.setBack(func(k offsetKey, one commit) bool {
			_, late := w.late(k, one)
			return late && name != home
		})
		r.Wrong, r.Back = append(r.Wrong, wrong...), r.Back+known
	}
	slices.Sort(r.Unchecked)
}

// judgeElsewhere looks at an offset that a cluster took which is not the group's home.
func (w *groupWorld) judgeElsewhere(r *GroupResult, k offsetKey, one commit) {
	r.Elsewhere++
	if at, there := w.coordinators[home].offsets.all[one.by]; there {
		r.Unchecked = append(r.Unchecked, one.at-at)
	}
	by, late := w.late(k, one)
	if !late {
		return
	}
	r.Late++
	r.Latest = max(r.Latest, by)
	if most := bound + w.slowest + 4*w.distance; by > most {
		r.Wrong = append(r.Wrong, fmt.Sprintf("at %s %s is committed %s after its member was excluded, and not %s: %s",
			one.at, k.topic, by, most, one.by))
	}
}
