package login

import (
	"strconv"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	v, err := NewVerifier(ScramSHA256, "x", MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVerifier(ScramSHA256, "x", MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	m, now := newMemory(), time.Unix(1e9, 0)
	d := m.digest("alice", "x", &v)
	for what, another := range map[string]digest{
		"another's":             m.digest("bob", "x", &v),
		"with another verifier": m.digest("alice", "x", &other),
		"cut elsewhere":         m.digest("alic", "ex", &v),
		"of another process":    newMemory().digest("alice", "x", &v),
	} {
		if d == another {
			t.Errorf("the digest is the same %s", what)
		}
	}
	m.keep(d, now)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {rememberFor - 1, true}, {rememberFor, true}, {2*rememberFor - 1, true}, {2 * rememberFor, false}} {
		if got := m.has(d, now.Add(step.after)); got != step.want {
			t.Errorf("after %v: %t, want %t", step.after, got, step.want)
		}
	}
	m.keep(d, now)
	if m.has(d, now.Add(24*time.Hour)) {
		t.Error("it is remembered for a day")
	}
}

// What is remembered is bounded.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Unix(1e9, 0)
	for i := range 5 * rememberMost {
		m.keep(m.digest(strconv.Itoa(i), "x", &Verifier{}), now)
		if kept := len(m.young) + len(m.aged); kept > 2*rememberMost {
			t.Fatalf("%d are remembered, more than %d", kept, 2*rememberMost)
		}
	}
	if !m.has(m.digest(strconv.Itoa(5*rememberMost-1), "x", &Verifier{}), now) {
		t.Error("the last is not remembered")
	}
}
