package session

import "slices"

// phase is how far the life of a connection has come.
type phase uint8

const (
	// phaseOpen: the client sends requests and is answered.
	phaseOpen phase = iota
	// phaseEnded: the client sends no more. What it has asked is still answered.
	phaseEnded
	// phaseClosing: the host was told to close behind what has been written. Nothing more is answered.
	phaseClosing
	// phaseAborted: the connection is to go at once, whatever its client has not read.
	phaseAborted
	// phaseGone: the connection is no more. What its client has asked goes on unanswered, and may still come to a violation.
	phaseGone
	// phaseOver: the connection is no more, and nothing that happens to its requests counts.
	phaseOver
)

// phaseMoves are the phases that may follow each.
//
//nolint:gochecknoglobals // a constant table
var phaseMoves = [...][]phase{
	phaseOpen:    {phaseEnded, phaseClosing, phaseAborted, phaseGone},
	phaseEnded:   {phaseClosing, phaseAborted, phaseGone},
	phaseClosing: {phaseAborted, phaseOver},
	phaseAborted: {phaseOver},
	phaseGone:    {phaseOver},
	phaseOver:    {},
}

// becomeEnded says that the client sends no more.
func (p *phase) becomeEnded() bool { return p.become(phaseEnded) }

// becomeClosing says that nothing more is answered: the connection closes, or is gone already.
func (p *phase) becomeClosing() bool {
	if *p == phaseGone {
		return p.become(phaseOver)
	}
	return p.become(phaseClosing)
}

// becomeAborted says that the connection goes at once.
func (p *phase) becomeAborted() bool { return p.become(phaseAborted) }

// becomeGone says that the connection is no more.
func (p *phase) becomeGone() bool {
	if p.isClosed() {
		return p.become(phaseOver)
	}
	return p.become(phaseGone)
}

// become makes the move to next, if there is one, and reports whether there was.
func (p *phase) become(next phase) bool { return become(phaseMoves[:], p, next) }

// isClosed reports whether nothing more is answered and nothing more counts.
func (p *phase) isClosed() bool { return *p == phaseClosing || *p == phaseAborted || *p == phaseOver }

// isGone reports whether the connection is no more.
func (p *phase) isGone() bool { return *p == phaseGone || *p == phaseOver }

// intake is whether requests are taken from what the client has sent.
type intake uint8

const (
	// intakeFree: nobody takes requests. Whoever may, can begin.
	intakeFree intake = iota
	// intakeBusy: one goroutine takes requests. The others leave to it what they bring.
	intakeBusy
	// intakeWaiting: the session has had its slice. Nothing is taken until its turn.
	intakeWaiting
)

// intakeMoves are the states that may follow each.
//
//nolint:gochecknoglobals // a constant table
var intakeMoves = [...][]intake{
	intakeFree:    {intakeBusy},
	intakeBusy:    {intakeFree, intakeWaiting},
	intakeWaiting: {intakeFree},
}

// becomeBusy says that the caller takes requests.
func (i *intake) becomeBusy() bool { return i.become(intakeBusy) }

// becomeWaiting says that whoever takes requests stops until the session's turn.
func (i *intake) becomeWaiting() bool { return i.become(intakeWaiting) }

// becomeFree says that whoever takes requests has stopped, or that the session's turn has come.
func (i *intake) becomeFree() bool { return i.become(intakeFree) }

// become makes the move to next, if there is one, and reports whether there was.
func (i *intake) become(next intake) bool { return become(intakeMoves[:], i, next) }

// output is whether the client reads its answers.
type output struct {
	state   outputState
	drained uint // how often the host has said that what was written has been sent
}

type outputState uint8

const (
	// outputFlows: what is written is sent.
	outputFlows outputState = iota
	// outputFull: more is unsent than the host likes. Nothing is taken from the client until it has read.
	outputFull
)

// drains is how often the host has said that what was written has been sent.
func (o *output) drains() uint { return o.drained }

// becomeFull says that more is unsent than the host likes.
func (o *output) becomeFull() { o.state = outputFull }

// becomeFullSince is becomeFull, unless what was written has been sent since drained was as given.
func (o *output) becomeFullSince(drained uint) {
	if o.drained == drained {
		o.becomeFull()
	}
}

// becomeFlowing says that what was written has been sent.
func (o *output) becomeFlowing() {
	o.state = outputFlows
	o.drained++
}

// full reports whether the client has been answered more than it reads.
func (o *output) full() bool { return o.state == outputFull }

// become moves from a state to the next one, if the table has that move, and reports whether it has.
func become[T ~uint8](moves [][]T, state *T, next T) bool {
	if !slices.Contains(moves[*state], next) {
		return false
	}
	*state = next
	return true
}
