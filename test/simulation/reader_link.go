package simulation

import "time"

// connected is called when the link stands.
func (r *reader) connected(l *link) {
	l.up = true
	r.look()
}

// received takes what has come on a link.
func (r *reader) received(l *link, p []byte) {
	taken, err := l.receive(p, r.frozen, r.take)
	if err != nil {
		r.broken = append(r.broken, err.Error())
		l.way.close()
		r.lost(l)
	} else if taken {
		r.look()
	}
}

// lost is called when a connection has ended, or could not be made.
func (r *reader) lost(l *link) {
	if l.dead {
		return
	}
	l.dead, l.up = true, false
	r.line.note("%s loses its connection", r.name)
	if r.link == l {
		r.link, r.ignorant = nil, true
		r.session.lost()
	}
	r.lookIn(50*time.Millisecond + duration(r.rnd, 100*time.Millisecond))
}

func (r *reader) still() bool { return r.frozen }

func (r *reader) title() string { return r.name }

func (r *reader) distance() time.Duration {
	return r.away + time.Microsecond + duration(r.rnd, r.away/4+time.Microsecond)
}

// freeze has the reader do nothing, as a process that is paused, or go on.
func (r *reader) freeze(on bool) {
	r.frozen, r.frozenAt = on, time.Now()
	if on || r.ended {
		return
	}
	if l := r.link; l != nil && l.way != nil {
		l.way.thaw()
		r.received(l, nil)
	}
	r.look()
}

// sever breaks the reader's connection.
func (r *reader) sever(lag time.Duration, drop bool) {
	if l := r.link; l != nil && l.way != nil {
		l.way.sever(lag, drop)
		r.lost(l)
	}
}

// end has the reader do nothing more.
func (r *reader) end() {
	r.ended = true
	if r.link != nil {
		r.link.dead = true
	}
}
