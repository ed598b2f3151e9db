package follower

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// Follower has what is in a file taken, again and again. Its methods may be called from any goroutine, Read excepted.
type Follower struct {
	// Name is the goroutine's, for who is told of its panics.
	Name   string
	Panics *guard.Panics
	Teller *Teller
	// File is the goroutine's that looks at it, once there is one.
	File File
	// Take puts what is in the file in place of what was there, if it is right, and says how many there are.
	Take func(content []byte) (count int, err error)
	// Warning is what is not safe, with a file of this mode and what is in use.
	Warning func(mode fs.FileMode) string

	loop Loop
}

// Resume has the file looked at, at once and every second from then on.
func (f *Follower) Resume() { f.loop.Begin(f.Panics, f.Name, f.follow) }

// Rest ends that until Resume, and waits for it.
func (f *Follower) Rest() { f.loop.Rest() }

// Close is Rest for good.
func (f *Follower) Close() { f.loop.Close() }

// Read has what is in the file taken, if it is something else than before.
func (f *Follower) Read() error {
	content, info, err := f.File.Read()
	if err != nil {
		return err
	}
	if content == nil {
		f.Teller.Warn(f.Warning(info.Mode()))
		return f.Teller.Last() // what was wrong with it still is
	}
	count, err := f.Take(content)
	if err != nil {
		f.Teller.Warn(f.Warning(info.Mode()))
		return fmt.Errorf("%s: %w", Readable(f.File.Path), err)
	}
	f.Teller.Taken(count, f.Warning(info.Mode()))
	return nil
}

// follow reads the file again and again. A panic costs one reading.
func (f *Follower) follow(life context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		if err := f.Panics.Attempt(f.Name, f.Read); err != nil {
			f.Teller.Broken(err)
		}
		select {
		case <-ticker.C:
		case <-life.Done():
			return
		}
	}
}
