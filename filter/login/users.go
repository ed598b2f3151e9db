package login

import (
	"io/fs"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// What follower.Reports are about.
const (
	UsersSubject follower.Subject = "users" // the file of users
	KeysSubject  follower.Subject = "keys"  // those that tokens are signed with
)

// users are those of a file, as it is now. Its methods may be called from any goroutine.
type users struct {
	follower.Follower

	table atomic.Pointer[table]
}

// newUsers reads the file.
func newUsers(path string, panics *guard.Panics, told *follower.Teller) (*users, error) {
	u := &users{Follower: follower.Follower{Name: "users", Panics: panics, Teller: told, File: follower.File{Path: path}}}
	u.Take, u.Warning = u.take, u.warning
	if err := u.Read(); err != nil {
		return nil, err
	}
	return u, nil
}

// take puts what is in the file in place of what was there.
func (u *users) take(content []byte) (count int, err error) {
	file, err := ParseUsers(content)
	if err != nil {
		return 0, err
	}
	u.table.Store(newTable(file))
	return len(file.users), nil
}

// warning is what is not safe: the file as it is, or the users that are in use.
func (u *users) warning(mode fs.FileMode) string {
	warning := follower.Exposed(u.File.Path, mode)
	if t := u.table.Load(); t != nil && t.guessable() {
		if warning != "" {
			warning += "; "
		}
		warning += follower.Readable(u.File.Path) + " has no " + seedWord + ", so that clients can find out which users there are; kafkamesh user add or remove adds one"
	}
	return warning
}
