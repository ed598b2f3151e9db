package session

import "testing"

// TestPhaseMoves makes every move from every phase.
func TestPhaseMoves(t *testing.T) {
	t.Parallel()
	const stays = 99
	phases := []phase{phaseOpen, phaseEnded, phaseClosing, phaseAborted, phaseGone, phaseOver}
	for _, tt := range []struct {
		name string
		move func(*phase) bool
		want [6]phase // by the phase before
	}{
		{"becomeEnded", (*phase).becomeEnded, [6]phase{phaseEnded, stays, stays, stays, stays, stays}},
		{"becomeClosing", (*phase).becomeClosing, [6]phase{phaseClosing, phaseClosing, stays, stays, phaseOver, stays}},
		{"becomeAborted", (*phase).becomeAborted, [6]phase{phaseAborted, phaseAborted, phaseAborted, stays, stays, stays}},
		{"becomeGone", (*phase).becomeGone, [6]phase{phaseGone, phaseGone, phaseOver, phaseOver, stays, stays}},
	} {
		for _, before := range phases {
			want, moves := tt.want[before], true
			if want == stays {
				want, moves = before, false
			}
			after := before
			if moved := tt.move(&after); after != want || moved != moves {
				t.Errorf("%s from %d: %d, %t; want %d, %t", tt.name, before, after, moved, want, moves)
			}
		}
	}
	if len(phaseMoves) != len(phases) {
		t.Errorf("the table has %d phases, the test %d", len(phaseMoves), len(phases))
	}
}

// TestPhasesEnd wants every connection to come to its end, whatever happens before: no move leads back.
func TestPhasesEnd(t *testing.T) {
	t.Parallel()
	for before, after := range phaseMoves {
		for _, next := range after {
			if int(next) <= before {
				t.Errorf("%d may become %d again", before, next)
			}
		}
		if len(after) == 0 && phase(before) != phaseOver {
			t.Errorf("%d is an end", before)
		}
		if p := phase(before); p.isGone() && !p.isClosed() && p != phaseGone {
			t.Errorf("%d counts although its connection is gone", before)
		}
	}
}

// TestIntakeMoves makes every move from every state.
func TestIntakeMoves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		move func(*intake) bool
		from intake // the only state that has it, or one of two
		or   intake
		to   intake
	}{
		{"becomeBusy", (*intake).becomeBusy, intakeFree, intakeFree, intakeBusy},
		{"becomeWaiting", (*intake).becomeWaiting, intakeBusy, intakeBusy, intakeWaiting},
		{"becomeFree", (*intake).becomeFree, intakeBusy, intakeWaiting, intakeFree},
	} {
		for before := range intake(len(intakeMoves)) {
			want, moves := before, before == tt.from || before == tt.or
			if moves {
				want = tt.to
			}
			after := before
			if moved := tt.move(&after); after != want || moved != moves {
				t.Errorf("%s from %d: %d, %t; want %d, %t", tt.name, before, after, moved, want, moves)
			}
		}
	}
}

// TestOutputMoves wants what a host says of a write to count only if nothing newer is known.
func TestOutputMoves(t *testing.T) {
	t.Parallel()
	var o output
	before := o.drained
	o.becomeFullSince(before)
	if !o.full() {
		t.Error("not full, as the host has said")
	}
	o.becomeFlowing()
	if o.full() {
		t.Error("full, after all was sent")
	}
	o.becomeFullSince(before)
	if o.full() {
		t.Error("full, though all was sent after what the host says")
	}
	o.becomeFull()
	if !o.full() {
		t.Error("not full, as the host has told")
	}
}
