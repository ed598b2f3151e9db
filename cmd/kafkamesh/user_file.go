package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// newUsersMode is that of a file of users that was not there: verifiers are secrets.
const newUsersMode = 0o600

func readUsers(path string) (*login.UsersFile, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // whoever calls the command names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	f, err := login.ParseUsers(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// editUsers changes a file of users, one caller after another. Who reads it finds what was there or what is there then.
func editUsers(path string, create bool, change func(*login.UsersFile) error) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	defer unlock()
	f, err := readUsers(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		f, err = &login.UsersFile{}, nil
	}
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	if err := replace(path, f.Encode()); err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	return nil
}

// lockFolder keeps other calls from the folder until unlock is called.
func lockFolder(path string) (unlock func(), err error) {
	folder, err := os.Open(path) //nolint:gosec // see readUsers
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		_ = folder.Close()
		return nil, err
	}
	return func() { _ = folder.Close() }, nil // which unlocks it
}

// replace puts a new file in the place of an old one, with its mode and owner.
func replace(path string, content []byte) (err error) {
	mode := fs.FileMode(newUsersMode)
	owner, group := -1, -1
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		if system, ok := info.Sys().(*syscall.Stat_t); ok {
			owner, group = int(system.Uid), int(system.Gid)
		}
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with the mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(content)
	if err == nil && (owner != os.Getuid() || group != os.Getgid()) {
		err = file.Chown(owner, group)
	}
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // it was only synced
	return folder.Sync()
}
