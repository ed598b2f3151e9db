package login

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// users are those of a file, as it is now. Its methods may be called from any goroutine.
type users struct {
	table  atomic.Pointer[table]
	panics *guard.Panics
	told   *teller

	file followed // the goroutine's that looks at it

	following following
}

// newUsers reads the file.
func newUsers(path string, panics *guard.Panics, told *teller) (*users, error) {
	u := &users{panics: panics, told: told, file: followed{path: path}}
	if err := u.read(); err != nil {
		return nil, err
	}
	return u, nil
}

// resume has the file looked at, at once and every second from then on.
func (u *users) resume() { u.following.begin(u.panics, "users", u.follow) }

// follow reads the file again and again. A panic costs one reading.
func (u *users) follow(life context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := u.panics.Attempt("users", u.read); err != nil {
			u.told.broken(err)
		}
		select {
		case <-ticker.C:
		case <-life.Done():
			return
		}
	}
}

// read puts what is in the file in place of what was there, if it is something else and right.
func (u *users) read() error {
	content, info, err := u.file.read()
	if err != nil {
		return err
	}
	if content == nil {
		u.told.warn(u.warning(info.Mode()))
		return u.told.last() // what was wrong with it still is
	}
	file, err := ParseUsers(content)
	if err != nil {
		u.told.warn(u.warning(info.Mode()))
		return fmt.Errorf("%s: %w", readable(u.file.path), err)
	}
	u.table.Store(newTable(file))
	u.told.taken(len(file.users), u.warning(info.Mode()))
	return nil
}

// warning is what is not safe: the file as it is, or the users that are in use.
func (u *users) warning(mode fs.FileMode) string {
	warning := exposed(u.file.path, mode)
	if t := u.table.Load(); t != nil && t.guessable() {
		if warning != "" {
			warning += "; "
		}
		warning += readable(u.file.path) + " has no " + seedWord + ", so that clients can find out which users there are; kafkamesh user add or remove adds one"
	}
	return warning
}
