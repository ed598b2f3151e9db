package dial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxSecret is the largest file that is read, in bytes: a bundle of CAs has a few hundred kilobytes.
const maxSecret = 8 << 20

// Source is where a certificate, a key or a password is: in a file, in an environment variable, or in the configuration
// itself. The zero value is nowhere.
type Source struct {
	File   string
	Env    string // the name of the variable
	Inline string
}

// IsZero says that the source is nowhere.
func (s Source) IsZero() bool { return s == Source{} }

// Read returns what is there now. Errors name the place and never the content.
func (s Source) Read() ([]byte, error) {
	switch {
	case s.File != "":
		return readFile(s.File)
	case s.Env != "":
		value, ok := os.LookupEnv(s.Env)
		if !ok {
			return nil, &missingError{variable: s.Env}
		}
		return []byte(value), nil
	default:
		return []byte(s.Inline), nil
	}
}

// Text returns what is there without the line end that editors and secret stores leave behind it.
func (s Source) Text() (string, error) {
	raw, err := s.Read()
	return strings.TrimRight(string(raw), "\r\n"), err
}

// String says where the source is. It is safe to print.
func (s Source) String() string {
	switch {
	case s.File != "":
		return readable(s.File)
	case s.Env != "":
		return "the environment variable " + readable(s.Env)
	case s.Inline != "":
		return "the configuration"
	default:
		return "nowhere"
	}
}

// GoString keeps %#v from printing what is inline.
func (s Source) GoString() string { return "dial.Source(" + s.String() + ")" }

// readable is a name for a message of one line: quoted if it has something in it that is not to be seen.
func readable(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// readFile reads a file, or all files in a folder one after the other.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fileError(path, err)
	case info.IsDir():
		return readFolder(path)
	case info.Size() > maxSecret:
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", readable(path), info.Size(), maxSecret)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // whoever configures the proxy names the file
	if err != nil {
		return nil, fileError(path, err)
	}
	return raw, nil
}

func readFolder(path string) ([]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	var all []byte
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(path, e.Name())) // through links, which Kubernetes and OpenSSL make
		if err != nil || info.IsDir() || len(all)+int(info.Size()) > maxSecret {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(path, e.Name())) //nolint:gosec // see above
		if err == nil {
			all = append(append(all, raw...), '\n')
		}
	}
	return all, nil
}

// missingError says that a file or an environment variable is not there. Its name may then be a secret in a wrong place.
type missingError struct{ file, variable string }

func (e *missingError) Error() string {
	switch {
	case e.variable != "":
		return "the environment variable " + readable(e.variable) + " is not set"
	case e.isPEM():
		return e.unnamed()
	case !strings.HasPrefix(e.file, "/"):
		return "there is no file " + readable(e.file) + " in the folder that the process was started in; write the whole path"
	default:
		return "there is no file " + readable(e.file)
	}
}

// unnamed is the same without the name.
func (e *missingError) unnamed() string {
	switch {
	case e.variable != "":
		return "the environment variable that is named here is not set"
	case e.isPEM():
		return "this is PEM, and no file's name; write it where text belongs: inline_string, or the property that ends in .pem"
	default:
		return "there is no file of this name"
	}
}

func (e *missingError) isPEM() bool { return strings.Contains(e.file, "-----BEGIN") }

func fileError(path string, err error) error {
	switch {
	case os.IsPermission(err):
		return fmt.Errorf("%s cannot be read: permission denied", readable(path))
	case os.IsNotExist(err), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTDIR):
		return &missingError{file: path}
	default:
		return fmt.Errorf("%s cannot be read", readable(path))
	}
}
