package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// quoteLimit is how many bytes of what the user wrote are shown in a message.
const quoteLimit = 100

// Remark is what is wrong with a part of a configuration, or is likely to be, and what to write instead.
type Remark struct { //nolint:errname // it is one of several, and also a warning
	// Line and Column are where it stands in the text, from 1. They are 0 if no person wrote the text: Envoy hands on a message, or JSON in
	// one line.
	Line, Column int
	// Path is the field's, such as upstream_clusters[0].tls. Empty: the configuration as a whole.
	Path string
	// Text is one line.
	Text string
}

// Error is the remark with its place before it.
func (r *Remark) Error() string {
	if at := (tree.Position{Line: r.Line, Column: r.Column}).String(); at != "" {
		return at + ": " + r.Message()
	}
	return r.Message()
}

// Message is the remark without line and column, for those who write them in their own way.
func (r *Remark) Message() string {
	if r.Path == "" {
		return r.Text
	}
	return r.Path + ": " + r.Text
}

// Remarks are those that an error of Parse or New is made of, in the order of the text.
func Remarks(err error) []*Remark {
	if one, ok := errors.AsType[*Remark](err); ok {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			remarks := make([]*Remark, 0, len(several.Unwrap()))
			for _, e := range several.Unwrap() {
				if r, ok := errors.AsType[*Remark](e); ok {
					remarks = append(remarks, r)
				}
			}
			return remarks
		}
		return []*Remark{one}
	}
	return []*Remark{{Text: err.Error()}}
}

// places are where fields stand, by their paths. It is nil when nobody knows.
type places map[string]tree.Position

// of is where the field at path stands, or else what it would be in.
func (p places) of(path string) tree.Position {
	for {
		if at, ok := p[path]; ok || path == "" {
			return at
		}
		path = parent(path)
	}
}

// locate says where a remark's field stands, unless it says so itself.
func (p places) locate(r *Remark) {
	if r.Line == 0 {
		at := p.of(r.Path)
		r.Line, r.Column = at.Line, at.Column
	}
}

// mistakes collects everything that is wrong, so that the user learns it in one go. The zero value is ready.
type mistakes struct {
	list   []*Remark
	broken map[string]bool // paths of which is said that they cannot be read: what is wrong in consequence is not worth a line
	places places
	given  map[string]bool // paths of what has a value in the text, if only 0 or ""
}

// add notes that the field at path is wrong, unless it could not be read anyway. An empty path is the configuration as a whole.
func (m *mistakes) add(path, format string, args ...any) {
	if !m.cannotRead(path) {
		m.list = append(m.list, &Remark{Path: path, Text: fmt.Sprintf(format, args...)})
	}
}

// unreadable notes that what stands at path cannot be read.
func (m *mistakes) unreadable(path, format string, args ...any) {
	m.add(path, format, args...)
	m.spoil(path)
}

// spoil has nothing more said of the field at path, nor of what is in it.
func (m *mistakes) spoil(path string) {
	if m.broken == nil {
		m.broken = map[string]bool{}
	}
	m.broken[path] = true
}

func (m *mistakes) cannotRead(path string) bool {
	for ; path != ""; path = parent(path) {
		if m.broken[path] {
			return true
		}
	}
	return m.broken[""]
}

// has says whether something was noted of the field at path.
func (m *mistakes) has(path string) bool {
	return m.cannotRead(path) || slices.ContainsFunc(m.list, func(r *Remark) bool { return r.Path == path })
}

// within says whether something was noted of the field at path, or of what is in it.
func (m *mistakes) within(path string) bool {
	return m.has(path) || slices.ContainsFunc(m.list, func(r *Remark) bool {
		return strings.HasPrefix(r.Path, path+".") || strings.HasPrefix(r.Path, path+"[")
	})
}

// err returns everything noted, in the order of the text, or nil.
func (m *mistakes) err() error {
	for _, r := range m.list {
		m.places.locate(r)
	}
	sortRemarks(m.list)
	errs := make([]error, len(m.list))
	for i, r := range m.list {
		errs[i] = r
	}
	return errors.Join(errs...)
}

func sortRemarks(list []*Remark) {
	slices.SortStableFunc(list, func(a, b *Remark) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
}

// warn notes what is not worth refusing the configuration for.
func (c *Config) warn(path, format string, args ...any) {
	c.Warnings = append(c.Warnings, &Remark{Path: path, Text: fmt.Sprintf(format, args...)})
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

// parent returns the path of what the field at path is in.
func parent(path string) string {
	if strings.HasSuffix(path, "]") {
		return path[:strings.LastIndexByte(path, '[')]
	}
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}
