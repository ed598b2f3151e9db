package fetch

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// session is what the broker of a line keeps from one poll to the next (KIP-227): what it was asked for, so that it is told only what has
// changed, and what it has told of that. It has the partitions of the last poll, and no others. It is of who writes a poll of the line, and
// then of who tells what comes of it.
type session struct {
	id, epoch int32 // epoch is that of the poll which comes next
	byID      bool
	forgotten uint64 // of Polls, when it began
	spots     map[place]*spot
	order     []*spot // as the last poll has them
	passes    uint64  // polls so far
	most      int     // that spots has had
}

// spot is a partition of a session. Its place in the map has either the name or the id of its topic, as the broker names it.
type spot struct {
	of   *partition // its identity
	said wire.FetchPartition
	pass uint64 // the last poll that was for it
	at   int    // its place in that
}

// spotCost is how much memory is held for a partition of a session, its place in the map included, but for its topic's name.
const spotCost = 256

// defaultLeast is how many partitions a poll has for which a session begins, if the settings do not say.
const defaultLeast = 10

// key is how a broker names a partition.
func key(t topic, partition int32, byID bool) place {
	if byID {
		return place{topic{id: t.id}, partition}
	}
	return place{topic{name: t.name}, partition}
}

// say makes of a request, which is for all partitions of a poll, one that goes on with the line's session, if there is one and it makes
// it shorter, or else one that begins a session.
func (l *line) say(q *poll, version int16, r *wire.FetchRequest) {
	q.begins, q.goesOn = false, false
	if !wire.FetchHasSessions(version) {
		return
	}
	byID := wire.FetchNamesByID(version)
	if s := l.session; s != nil {
		if s.byID == byID && s.forgotten == q.forgotten && s.goOn(q, r) {
			q.goesOn = true
			return
		}
		l.leaveSession()
	}
	r.SessionID, l.former = l.former, 0 // ends by that
	if len(q.partitions) < l.polls.settings.leastOfSession() {
		return
	}
	s := &session{byID: byID, forgotten: q.forgotten, spots: make(map[place]*spot, len(q.partitions)), passes: 1}
	spots := make([]spot, len(q.partitions))
	at := 0
	for i := range q.request.Topics {
		t := &q.request.Topics[i]
		for _, said := range t.Partitions {
			spots[at] = spot{q.partitions[at], said, s.passes, at}
			s.spots[key(topic{t.Name, t.ID}, said.Partition, byID)] = &spots[at]
			s.order = append(s.order, &spots[at])
			at++
		}
	}
	if len(s.spots) < len(q.partitions) { // two topics of one name
		return
	}
	s.most = len(s.spots)
	l.session, q.begins = s, true
	r.SessionEpoch = wire.SessionInitial
}

// leaveSession has the line's session be over.
func (l *line) leaveSession() {
	if l.session != nil {
		l.session, l.former = nil, l.session.id
	}
}

func (s *Settings) leastOfSession() int {
	if s.SessionPartitions > 0 {
		return s.SessionPartitions
	}
	return defaultLeast
}

// goOn makes of a poll's request one that says only what the broker does not know. It reports false when that would not be shorter, or the
// session was much larger once: then it is of no use any more.
func (s *session) goOn(q *poll, r *wire.FetchRequest) bool {
	all, before, next := r.Topics, s.order, 0
	s.passes++
	s.order = make([]*spot, 0, len(q.partitions))
	changed := 0
	r.Topics = nil
	for i := range all {
		t := &all[i]
		var told *wire.FetchTopic // those of t that are said
		for _, asked := range t.Partitions {
			is := q.partitions[len(s.order)]
			var known *spot
			known, next = s.known(is, before, next, topic{t.Name, t.ID}, asked.Partition)
			if known.isOfAnother(is) {
				r.Topics = all
				return false
			}
			news := known.of == nil || known.said != asked
			*known = spot{is, asked, s.passes, len(s.order)}
			s.order = append(s.order, known)
			if !news {
				continue
			}
			changed++
			if told == nil {
				r.Topics = append(r.Topics, wire.FetchTopic{Name: t.Name, ID: t.ID})
				told = &r.Topics[len(r.Topics)-1]
			}
			told.Partitions = append(told.Partitions, asked)
		}
	}
	forgotten := len(s.spots) - len(s.order)
	if changed+forgotten > len(s.order) || s.wasMuchLarger() {
		r.Topics = all
		return false
	}
	if forgotten > 0 {
		r.Forgotten = s.forget()
	}
	r.SessionID, r.SessionEpoch = s.id, s.epoch
	s.epoch = wire.NextSessionEpoch(s.epoch)
	return true
}

// known is the spot of a partition, which mostly is the next of those before, and which is to be looked at after that one.
func (s *session) known(is *partition, before []*spot, next int, t topic, partition int32) (known *spot, then int) {
	if next < len(before) && before[next].of == is {
		return before[next], next + 1
	}
	if known = s.find(t, partition); known.of != nil {
		next = known.at
	}
	return known, next + 1
}

// isOfAnother says whether the spot is of another topic of that name, now or before: the broker thinks that it has told of this one.
func (known *spot) isOfAnother(is *partition) bool { return known.of != nil && known.of != is }

// wasMuchLarger says whether the session has had many more partitions than now: a map keeps what it has had.
func (s *session) wasMuchLarger() bool {
	s.most = max(s.most, len(s.spots))
	return s.most > 2*len(s.order)+64
}

// find is the spot of a partition, which is empty if there was none.
func (s *session) find(t topic, partition int32) *spot {
	where := key(t, partition, s.byID)
	known := s.spots[where]
	if known == nil {
		known = new(spot)
		s.spots[where] = known
	}
	return known
}

// forget takes out what the last poll is not for, and returns it.
func (s *session) forget() (all []wire.ForgottenTopic) {
	index := map[topic]int{}
	for where, known := range s.spots {
		if known.pass == s.passes {
			continue
		}
		delete(s.spots, where)
		i, there := index[where.topic]
		if !there {
			i = len(all)
			index[where.topic] = i
			all = append(all, wire.ForgottenTopic{Name: where.name, ID: where.id})
		}
		all[i].Partitions = append(all[i].Partitions, where.partition)
	}
	return all
}

// isOfSession says whether a broker that answers so does not know the session that it was asked to go on with.
func isOfSession(c wire.ErrorCode) bool {
	switch c {
	case wire.FetchSessionIDNotFound, wire.InvalidFetchSessionEpoch, wire.FetchSessionTopicIDError:
		return true
	default:
		return false
	}
}

// told takes note of the session that an answer without an error is of.
func (l *line) told(q *poll, id int32) {
	s := l.session
	switch {
	case s == nil:
	case q.begins:
		s.id, s.epoch = id, wire.NextSessionEpoch(wire.SessionInitial)
		if id == 0 {
			l.session = nil
		}
	case q.goesOn && id != s.id:
		l.session = nil
	}
}

// memory is how much a line holds for its session.
func (s *session) memory() (n int) {
	if s == nil {
		return 0
	}
	return spotCost * len(s.spots)
}
