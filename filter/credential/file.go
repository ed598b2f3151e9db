package credential

import (
	"io/fs"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// Subject is what a follower.Report of a File is about.
const Subject follower.Subject = "credentials"

// File is the credentials that are in a file, as it is now. Its methods may be called from any goroutine.
type File struct {
	follower follower.Follower
	table    atomic.Pointer[Table]
	changed  func()
}

// Open reads a file. told is told what becomes of it from now on, and changed that there is another Table; nil: nobody is. It is looked at
// again from Resume on.
func Open(path string, panics *guard.Panics, told func(follower.Report), changed func()) (*File, error) {
	f := &File{changed: changed}
	f.follower = follower.Follower{
		Name: "credentials", Panics: panics, Teller: &follower.Teller{Subject: Subject, Tell: told}, File: follower.File{Path: path},
		Take: f.take, Warning: func(mode fs.FileMode) string { return follower.Exposed(path, mode) },
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

// take puts what is in the file in place of what was there.
func (f *File) take(content []byte) (count int, err error) {
	t, err := Parse(content)
	if err != nil {
		return 0, err
	}
	f.table.Store(t)
	if f.changed != nil {
		f.changed()
	}
	return t.Len(), nil
}
