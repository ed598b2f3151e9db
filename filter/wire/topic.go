package wire

import "unicode/utf8"

// MaxTopicName is how many bytes the name of a topic may have (Topic.java).
const MaxTopicName = 249

// ValidTopicName says whether a topic can have this name: a broker makes none with another, and answers INVALID_TOPIC_EXCEPTION.
func ValidTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > MaxTopicName {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// Clip is s, for a log or a message: cut to at most n bytes, not within a character, with an ellipsis if there was more.
func Clip(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	return cut(s, n-len(more)) + more
}

// cut is at most the first n bytes of s, not ending within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for least := n - utf8.UTFMax; n > least && n > 0 && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n]
}
