package authorizer

import (
	"errors"
	"strings"
)

// Anonymous is the principal of clients that have not logged in, as Kafka calls them. Nobody can log in as that.
const Anonymous = "ANONYMOUS"

// star is what stands for anything.
const star = "*"

// spiffe is what SPIFFE ids begin with.
const spiffe = "spiffe://"

// CheckPrincipal says what is wrong with a pattern of principals, and what to write, or nothing.
func CheckPrincipal(pattern string) error {
	before, rest, _ := strings.Cut(pattern, star)
	switch {
	case pattern == "":
		return errors.New(`is empty; write a principal, or "*" for everybody`)
	case strings.HasPrefix(pattern, "User:"):
		return errors.New("begins with User:, which principals do not have here; write what follows it alone")
	case strings.HasPrefix(pattern, spiffe):
		return checkSPIFFE(strings.TrimPrefix(pattern, spiffe))
	case rest != "":
		return errors.New("has a star that is not at its end; write the beginning and one star, " + before + "*")
	default:
		return nil
	}
}

// checkSPIFFE is CheckPrincipal of what follows spiffe://.
func checkSPIFFE(id string) error {
	segments := strings.Split(id, "/")
	if strings.Contains(segments[0], star) {
		return errors.New("has a star in place of a trust domain; write the trust domain, such as spiffe://cluster.local/ns/*/sa/NAME")
	}
	if len(segments) == 1 {
		return errors.New("is a trust domain and nobody in it; write a path behind it, such as spiffe://cluster.local/ns/*/sa/NAME")
	}
	for _, s := range segments {
		switch {
		case s == "":
			return errors.New("has an empty part; write none between two slashes or at the end that is empty")
		case s != star && strings.Contains(s, star):
			return errors.New("has a star in a part of a path, and a star is a whole one, such as spiffe://cluster.local/ns/*/sa/NAME; write that, or the whole name")
		}
	}
	return nil
}

// principals is a pattern of principals.
type principals struct {
	text   string
	prefix bool // the beginning of principals; else a whole one
	spiffe bool // a SPIFFE id in which a star is one segment of the path
}

func principalsOf(pattern string) principals {
	if strings.HasPrefix(pattern, spiffe) {
		return principals{text: pattern, spiffe: strings.Contains(pattern, star)}
	}
	before, prefix := strings.CutSuffix(pattern, star)
	return principals{text: before, prefix: prefix}
}

// match reports whether a principal is one of them.
func (p principals) match(principal string) bool {
	switch {
	case p.spiffe:
		return sameSegments(p.text, principal)
	case p.prefix:
		return strings.HasPrefix(principal, p.text)
	default:
		return principal == p.text
	}
}

// covers reports whether whoever is one of other is one of p.
func (p principals) covers(other principals) bool {
	switch {
	case other.prefix:
		return p.prefix && strings.HasPrefix(other.text, p.text)
	case other.spiffe && !p.spiffe:
		before, _, _ := strings.Cut(other.text, star)
		return p.prefix && strings.HasPrefix(before, p.text)
	default:
		return p.match(other.text)
	}
}

// sameSegments reports whether two ids have the same segments, where a star in the pattern stands for any that is not empty.
func sameSegments(pattern, id string) bool {
	for {
		want, patternRest, patternMore := strings.Cut(pattern, "/")
		have, idRest, idMore := strings.Cut(id, "/")
		if want != have && (want != star || have == "") || patternMore != idMore {
			return false
		}
		if !patternMore {
			return true
		}
		pattern, id = patternRest, idRest
	}
}
