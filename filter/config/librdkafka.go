package config

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// librdkafkaTable is what librdkafka says of its properties: see build/librdkafka-properties.py.
//
//go:embed librdkafka.tsv
var librdkafkaTable string

// spec is one property of librdkafka's.
type spec struct {
	name     string
	who      string // C: consumers, P: producers, *: both
	kind     string // as librdkafka calls its type
	allowed  string // the range or the values, as librdkafka writes them
	fallback string // librdkafka's default
	alias    string // the property that this is another name of; its own name if none
}

// specs are all properties by name.
//
//nolint:gochecknoglobals // a table
var specs = sync.OnceValue(func() map[string]spec {
	table := map[string]spec{}
	for line := range strings.Lines(librdkafkaTable) {
		column := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		s := spec{column[0], column[1], column[2], column[3], column[4], column[5]}
		if s.alias == "" {
			s.alias = s.name
		}
		table[s.name] = s
	}
	return table
})

func specNames() []string {
	var names []string
	for name := range specs() {
		names = append(names, name)
	}
	return names
}

// isText says that a value is taken as it stands.
func (s spec) isText() bool {
	switch s.kind {
	case "integer", "float", "boolean", "enum value", "CSV flags":
		return false
	default:
		return true
	}
}

// read checks a value and writes it in the one way that equal values have. The error says what to write. Texts are not shown:
// they may be secrets.
func (s spec) read(v string) (string, error) {
	value, err := s.check(v)
	if err != nil {
		if exact := converted(v, s.name); exact != "" {
			return "", fmt.Errorf("%s is not allowed%s", s.shown(v), exact)
		}
		return "", fmt.Errorf("%s is not allowed; write %w", s.shown(v), err)
	}
	return value, nil
}

// aNumber is what may be shown of a value: what can only have been meant as a number, perhaps with a unit.
var aNumber = regexp.MustCompile(`^[-+]?[0-9.]+[a-zA-Z]{0,3}$`)

// shown is a value as it stands in a message: not at all if it may be a secret in a wrong place.
func (s spec) shown(v string) string {
	if isTLS(s.name) || isSASL(s.name) || len(v) > 20 || !aNumber.MatchString(v) && v != "" {
		return "the value"
	}
	return quote(v)
}

// check is read, and its error says only what to write.
func (s spec) check(v string) (string, error) {
	switch s.kind {
	case "integer":
		return s.integer(v)
	case "float":
		low, high := s.bounds()
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !isDecimal(v) || n < float64(low) || n > float64(high) {
			return "", fmt.Errorf("a number from %d to %d", low, high)
		}
		return strconv.FormatFloat(n, 'f', -1, 64), nil
	case "boolean":
		switch strings.ToLower(v) {
		case "true", "t", "1":
			return "true", nil
		case "false", "f", "0":
			return "false", nil
		}
		return "", errors.New("true or false")
	case "enum value":
		for value := range strings.SplitSeq(s.allowed, ", ") {
			if strings.EqualFold(v, value) {
				return value, nil
			}
		}
		return "", errors.New("one of " + s.allowed)
	case "CSV flags":
		return s.flags(v)
	default:
		return v, nil
	}
}

func (s spec) integer(v string) (string, error) {
	if s.alias == "request.required.acks" {
		switch v {
		case "all", "-1":
			return "-1", nil
		case "0", "1":
			return v, nil
		}
		return "", errors.New("all, -1, 0 or 1")
	}
	low, high := s.bounds()
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != v || n < low || n > high {
		unit := "whole numbers"
		if strings.HasSuffix(s.name, ".ms") {
			unit = "whole milliseconds"
		}
		return "", fmt.Errorf("%s from %d to %d", unit, low, high)
	}
	return v, nil
}

func (s spec) flags(v string) (string, error) {
	if s.allowed == "" {
		return v, nil
	}
	for flag := range strings.SplitSeq(v, ",") {
		flag = strings.TrimSpace(flag)
		known := flag == ""
		for value := range strings.SplitSeq(s.allowed, ", ") {
			known = known || flag == value
		}
		if !known {
			return "", errors.New("some of " + s.allowed)
		}
	}
	return v, nil
}

// bounds reads LOW .. HIGH.
func (s spec) bounds() (low, high int64) {
	from, to, _ := strings.Cut(s.allowed, " .. ")
	low, _ = strconv.ParseInt(from, 10, 64)
	high, _ = strconv.ParseInt(to, 10, 64)
	return low, high
}

// isDecimal tells whether v is made of digits and at most one dot, which excludes hexadecimal, infinity and the like.
func isDecimal(v string) bool {
	whole, fraction, dot := strings.Cut(v, ".")
	return isDigits(whole) && (!dot || isDigits(fraction))
}
