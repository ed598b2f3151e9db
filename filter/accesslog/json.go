package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// timeFormat is RFC 3339 with microseconds, always as many digits.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// line is a JSON object that is being written. Only time and number write what is zero.
type line struct{ b []byte }

// key begins a field.
func (l *line) key(name string) {
	if l.b[len(l.b)-1] != '{' {
		l.b = append(l.b, ',')
	}
	l.b = append(append(append(l.b, '"'), name...), '"', ':')
}

// time is a time of day.
func (l *line) time(name string, t time.Time) {
	l.key(name)
	l.b = append(l.b, '"')
	l.b = t.UTC().AppendFormat(l.b, timeFormat)
	l.b = append(l.b, '"')
}

// number is a number, whatever it is.
func (l *line) number(name string, n int64) {
	l.key(name)
	l.b = strconv.AppendInt(l.b, n, 10)
}

// count is a number of things, if there are any.
func (l *line) count(name string, n int64) {
	if n != 0 {
		l.number(name, n)
	}
}

// text is a text, if it is not empty, clipped to so many bytes.
func (l *line) text(name, s string, most int) {
	if s != "" {
		l.key(name)
		l.b = appendQuoted(l.b, s, most)
	}
}

// texts is a list of names, if there are any, clipped to so many.
func (l *line) texts(name string, list []string, most int) {
	if len(list) == 0 {
		return
	}
	l.key(name)
	l.b = append(l.b, '[')
	for i, s := range list[:min(len(list), most)] {
		if i > 0 {
			l.b = append(l.b, ',')
		}
		l.b = appendQuoted(l.b, s, maxName)
	}
	l.b = append(l.b, ']')
}

// address is host:port, if there is a host.
func (l *line) address(name, host string, port int32) {
	if host == "" {
		return
	}
	l.key(name)
	ipv6 := false
	for i := range len(host) {
		ipv6 = ipv6 || host[i] == ':'
	}
	l.b = append(l.b, '"')
	if ipv6 {
		l.b = append(l.b, '[')
	}
	l.b = appendEscaped(l.b, host, maxName)
	if ipv6 {
		l.b = append(l.b, ']')
	}
	l.b = append(l.b, ':')
	l.b = strconv.AppendInt(l.b, int64(port), 10)
	l.b = append(l.b, '"')
}

// errors is an object with a number for each error code, if there are any.
func (l *line) errors(name string, list []ErrorCount) {
	if len(list) == 0 {
		return
	}
	l.key(name)
	l.b = append(l.b, '{')
	for _, e := range list[:min(len(list), MaxErrors)] {
		l.number(e.Code, int64(e.Count))
	}
	l.b = append(l.b, '}')
}

// appendQuoted appends s as a JSON string, clipped to so many bytes before it is escaped.
func appendQuoted(b []byte, s string, most int) []byte {
	return append(appendEscaped(append(b, '"'), s, most), '"')
}

// appendEscaped is appendQuoted without the quotes. What is no UTF-8 becomes the replacement character; what a terminal or a viewer
// would obey is escaped.
func appendEscaped(b []byte, s string, most int) []byte {
	return appendClipped(b, s, most, func(b []byte, r rune) []byte {
		switch r {
		case '"', '\\':
			return append(b, '\\', byte(r))
		case utf8.RuneError:
			return utf8.AppendRune(b, r)
		default:
			return appendUnicode(b, r)
		}
	})
}

// appendClipped appends s, clipped to so many bytes. instead appends what stands in place of a character that does not stand for itself:
// a quote, a backslash, what a terminal or a viewer would obey, and the replacement character for what is no UTF-8.
func appendClipped(b []byte, s string, most int, instead func([]byte, rune) []byte) []byte {
	if len(s) > most {
		for least := most - utf8.UTFMax; most > least && most > 0 && !utf8.RuneStart(s[most]); {
			most--
		}
		return append(appendClipped(b, s[:most], most, instead), "…"...)
	}
	start := 0
	for i := 0; i < len(s); {
		if plain(s[i]) {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if size > 1 && !obeyed(r) {
			i += size
			continue
		}
		b = instead(append(b, s[start:i]...), r)
		i += size
		start = i
	}
	return append(b, s[start:]...)
}

// plain reports whether a byte is a character that stands for itself.
func plain(c byte) bool { return ' ' <= c && c < 0x7f && c != '"' && c != '\\' }

// obeyed reports whether a character is one that changes how those around it are shown: a control character, the end of a line, or
// one that turns the direction of writing.
func obeyed(r rune) bool {
	return r < 0xa0 || r == 0x061c || 0x200e <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

// appendUnicode appends a character of the basic plane by its number.
func appendUnicode(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&0xf], digits[r>>8&0xf], digits[r>>4&0xf], digits[r&0xf])
}
