package tree

import (
	"regexp"
	"strings"
)

// aNumber is what some version of YAML, Envoy's reader or JSON takes for a number.
var aNumber = regexp.MustCompile(`^[-+]?(0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9_]+([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$`)

// word is a scalar that was written without quotes. YAML's versions differ in what such a word is: it is whatever any of them changes, so
// that a configuration cannot mean one thing here and another in Envoy.
func word(text string) *Node {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return &Node{Kind: Null, Text: text}
	}
	if len(text) <= len("false") {
		switch lower := strings.ToLower(text); {
		case text != lower && text != strings.ToUpper(text) && text != strings.ToUpper(text[:1])+lower[1:]:
		case lower == "y" || lower == "yes" || lower == "true" || lower == "on":
			return &Node{Kind: Bool, Text: text, On: true}
		case lower == "n" || lower == "no" || lower == "false" || lower == "off":
			return &Node{Kind: Bool, Text: text}
		}
	}
	if aNumber.MatchString(text) {
		return &Node{Kind: Number, Text: text}
	}
	return &Node{Kind: Text, Text: text}
}
