package credential

import (
	"io/fs"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// Subject is what a follower.Report of a File is about.
const Subject follower.Subject = "credentials"

// File is the credentials that are in a file, as it is now. Its methods may be called from any goroutine.
type File struct {
	of       dial.Settings // how the mesh itself reaches the cluster
	follower follower.Follower
	warning  string // what was not as it should be with the files that it names, when it was last taken; the follower's alone
	table    atomic.Pointer[Table]
	changed  func()

	mu     sync.Mutex
	tokens map[Credential]*dial.Tokens // of those that have asked
}

// Open reads a file for a cluster that the mesh reaches as of says. told is told what becomes of it from now on, and changed that there is
// another Table; nil: nobody is. It is looked at again from Resume on.
func Open(path string, of dial.Settings, panics *guard.Panics, told func(follower.Report), changed func()) (*File, error) {
	f := &File{of: of, changed: changed, tokens: map[Credential]*dial.Tokens{}}
	f.follower = follower.Follower{
		Name: "credentials", Panics: panics, Teller: &follower.Teller{Subject: Subject, Tell: told}, File: follower.File{Path: path},
		Take: f.take, Warning: func(mode fs.FileMode) string { return f.warn(follower.Exposed(path, mode)) },
	}
	if err := f.follower.Read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Table is what is in the file, or was when it could last be read.
func (f *File) Table() *Table { return f.table.Load() }

// Resume has the file looked at, at once and every second from then on.
func (f *File) Resume() { f.follower.Resume() }

// Rest ends that until Resume, and waits for it.
func (f *File) Rest() { f.follower.Rest() }

// Close is Rest for good.
func (f *File) Close() { f.follower.Close() }

// Settings is how the cluster is reached with a credential. All who ask for the same share its tokens.
func (f *File) Settings(c Credential) dial.Settings {
	s := c.in(f.of)
	if s.SASL == nil || s.SASL.OAuth == nil {
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	tokens := f.tokens[c]
	if tokens == nil {
		tokens = dial.NewTokens(s.SASL.OAuth)
		f.tokens[c] = tokens
	}
	s.SASL.Tokens = tokens
	return s
}

// take puts what is in the file in place of what was there.
func (f *File) take(content []byte) (count int, err error) {
	t, err := Parse(content, f.of)
	if err != nil {
		return 0, err
	}
	warning, err := t.check(f.table.Load(), f.of, time.Now())
	if err != nil {
		return 0, err
	}
	f.warning = warning
	f.table.Store(t)
	f.forget(t)
	if f.changed != nil {
		f.changed()
	}
	return t.Len(), nil
}

// forget drops the tokens of credentials that are gone.
func (f *File) forget(now *Table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.tokens, func(c Credential, _ *dial.Tokens) bool { return !now.has(c) })
}

// warn adds what is not as it should be with the files that are named.
func (f *File) warn(exposed string) string {
	if exposed != "" && f.warning != "" {
		return exposed + "; " + f.warning
	}
	return exposed + f.warning
}
