package follower

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// Every is how often files are looked at.
	Every = time.Second

	settled = 2 * time.Second // a file that was written longer ago shows by its time when it is written again
	maxFile = 8 << 20         // bytes
)

// File is a file that is read again when it has changed. It is for one goroutine at a time.
type File struct {
	Path string

	seen fs.FileInfo // when it was read last; nil: it could not be
	at   time.Time   // that was
	sum  [sha256.Size]byte
}

// Read returns the content if it is another than the last time, and else nil, and what the file is like now.
func (f *File) Read() (content []byte, info fs.FileInfo, err error) {
	defer func() {
		if err != nil {
			f.seen = nil
		}
	}()
	now := time.Now()
	if info, err = os.Stat(f.Path); err != nil {
		return nil, nil, unreadable(f.Path, err)
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, nil, fmt.Errorf("%s is no file", Readable(f.Path))
	}
	if f.unchanged(info) {
		return nil, info, nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, nil, unreadable(f.Path, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	if info, err = file.Stat(); err != nil {
		return nil, nil, unreadable(f.Path, err)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, nil, unreadable(f.Path, err)
	case len(raw) > maxFile:
		return nil, nil, fmt.Errorf("%s has more than %d bytes", Readable(f.Path), maxFile)
	}
	sum := sha256.Sum256(raw)
	if f.seen != nil && sum == f.sum {
		raw = nil
	} else if raw == nil {
		raw = []byte{}
	}
	f.seen, f.at, f.sum = info, now, sum
	return raw, info, nil
}

// unchanged says that the file need not be read to know that it is as it was.
func (f *File) unchanged(info fs.FileInfo) bool {
	return f.seen != nil && os.SameFile(f.seen, info) && f.seen.Size() == info.Size() && f.seen.Mode() == info.Mode() &&
		f.seen.ModTime().Equal(info.ModTime()) && f.at.Sub(info.ModTime()) > settled
}

// Exposed says who else may read or write a file that has secrets; empty: nobody but its group, which may read.
func Exposed(path string, mode fs.FileMode) string {
	const othersRead, groupOrOthersWrite = 0o004, 0o022
	switch {
	case mode.Perm()&groupOrOthersWrite != 0:
		return fmt.Sprintf("%s can be written by others (mode %#o); chmod it to 0600 or 0640", Readable(path), mode.Perm())
	case mode.Perm()&othersRead != 0:
		return fmt.Sprintf("%s can be read by everybody (mode %#o); chmod it to 0600 or 0640", Readable(path), mode.Perm())
	default:
		return ""
	}
}

func unreadable(path string, err error) error {
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("there is no file %s", Readable(path))
	case os.IsPermission(err):
		return fmt.Errorf("%s cannot be read: permission denied", Readable(path))
	default:
		return fmt.Errorf("%s cannot be read", Readable(path))
	}
}

// Readable is a name for a message of one line: quoted if it has something in it that is not to be seen.
func Readable(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || strings.Contains(name, " ") {
		return quoted
	}
	return name
}
