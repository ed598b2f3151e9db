package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	rememberFor  = 5 * time.Minute // at least, and at most twice that
	rememberMost = 8192            // passwords, twice
)

// digest stands for a password of a user that matched a verifier. What it was made from cannot be found, nor can guesses be checked,
// without the key of this process's memory.
type digest [sha256.Size]byte

// memory knows for a while which passwords were right, so that many logins of one user cost the iterations of his verifier once. As a
// digest is of a verifier too, what is remembered is worth nothing once the user has another or is gone. Its methods may be called from any
// goroutine.
type memory struct {
	key [sha256.Size]byte

	mu          sync.Mutex
	since       time.Time // the younger of the two
	young, aged map[digest]struct{}
}

func newMemory() *memory {
	m := &memory{}
	_, _ = rand.Read(m.key[:]) // never fails
	return m
}

func (m *memory) digest(name, password string, v *Verifier) (d digest) {
	mac := hmac.New(sha256.New, m.key[:])
	for _, part := range []string{name, password, v.Mechanism, string(v.salt), string(v.storedKey)} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	mac.Sum(d[:0])
	return d
}

// has says whether a password was right a while ago.
func (m *memory) has(d digest, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age(now)
	_, young := m.young[d]
	_, aged := m.aged[d]
	return young || aged
}

// keep remembers that a password was right.
func (m *memory) keep(d digest, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age(now)
	if len(m.young) >= rememberMost {
		m.turn(now)
	}
	if m.young == nil {
		m.young = map[digest]struct{}{}
	}
	m.young[d] = struct{}{}
}

// age forgets what is old.
func (m *memory) age(now time.Time) {
	switch age := now.Sub(m.since); {
	case age < 0 || age >= 2*rememberFor:
		m.turn(now)
		m.aged = nil
	case age >= rememberFor:
		m.turn(now)
	}
}

func (m *memory) turn(now time.Time) { m.aged, m.young, m.since = m.young, nil, now }
