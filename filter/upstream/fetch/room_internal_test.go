package fetch

import "testing"

// What is reserved is a quarter of the room at most, and is not there for answers until it is returned. An answer is read in any case.
func TestRoomReserves(t *testing.T) {
	t.Parallel()
	r := NewRoom(1000)
	if !r.Reserve(200) || r.Reserve(51) || !r.Reserve(50) {
		t.Error("other than a quarter can be reserved")
	}
	if !r.Take(700, nil) {
		t.Error("what is left is not there for answers")
	}
	resumed := false
	if r.Take(60, func() { resumed = true }) {
		t.Error("there is room for more than there is")
	}
	if r.Return(50); !resumed {
		t.Error("who waits has not been told of what was returned")
	}
	if r.Give(760); r.Held() != 0 {
		t.Errorf("%d bytes are held", r.Held())
	}
	if !r.Take(2000, func() {}) {
		t.Error("a long answer is not read, though nothing is held")
	}
}
