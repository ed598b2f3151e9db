package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// quoteLimit is how many bytes of what the user wrote are shown in a message.
const quoteLimit = 100

// mistakes collects everything that is wrong, so that the user learns it in one go. The zero value is ready.
type mistakes struct{ list []error }

// add notes that the field at path is wrong. An empty path is the configuration as a whole.
func (m *mistakes) add(path, format string, args ...any) {
	m.list = append(m.list, errors.New(line(path, format, args...)))
}

// has says whether something was noted of the field at path.
func (m *mistakes) has(path string) bool {
	return slices.ContainsFunc(m.list, func(err error) bool { return strings.HasPrefix(err.Error(), path+": ") })
}

// err returns everything noted, or nil.
func (m *mistakes) err() error { return errors.Join(m.list...) }

// warn notes what is not worth refusing the configuration for.
func (c *Config) warn(path, format string, args ...any) {
	c.Warnings = append(c.Warnings, line(path, format, args...))
}

func line(path, format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if path == "" {
		return text
	}
	return path + ": " + text
}

// quote shows what the user wrote: quoted, on one line, and shortened when long.
func quote(s string) string {
	if len(s) > quoteLimit {
		return strconv.Quote(strings.ToValidUTF8(s[:quoteLimit], "")) + "…"
	}
	return strconv.Quote(s)
}

// index returns the path of the i-th element of a list.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// key returns the path of an entry of a map.
func key(path, k string) string { return path + "[" + shownKey(k) + "]" }

// join returns the path of a field inside the message at path.
func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}
