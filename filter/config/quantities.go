package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

var aQuantity = regexp.MustCompile(`^([0-9]{1,9}) ?([A-Za-z]{1,3})$`)

// converted is advice about a number with a unit, in a field or property that is named by its unit.
func converted(text, name string) string {
	m := aQuantity.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	units := map[string]int64{"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}
	unit := m[2]
	if strings.Contains(name, "bytes") || strings.HasSuffix(name, ".size") {
		units = map[string]int64{
			"B": 1, "K": 1 << 10, "KB": 1000, "KIB": 1 << 10, "M": 1 << 20, "MB": 1000_000, "MIB": 1 << 20, "G": 1 << 30, "GB": 1000_000_000, "GIB": 1 << 30,
		}
		unit = strings.ToUpper(unit)
	} else if !strings.HasSuffix(name, "ms") {
		return ""
	}
	factor, ok := units[unit]
	if !ok {
		return ""
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // at most nine digits
	return fmt.Sprintf("; write %d", n*factor)
}

// percent is advice about a share in percent.
func percent(text string) string {
	digits, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	if !ok {
		return ""
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !aDecimal.MatchString(strings.TrimSpace(digits)) {
		return ""
	}
	return "; write " + strconv.FormatFloat(number/100, 'g', 6, 64)
}

// plainNumber is a number without an exponent, and without a fraction if that is zero.
func plainNumber(n *tree.Node) string {
	if whole, ok := wholeNumber(n); ok {
		return strconv.FormatInt(whole, 10)
	}
	if f, err := strconv.ParseFloat(n.Text, 64); err == nil && !isDigits(n.Text) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return n.Text
}

// wholeNumber reads a number that may be written as Envoy writes those of a Struct, 19092.0 or 1.9092e4, or as a text.
func wholeNumber(n *tree.Node) (int64, bool) {
	switch {
	case n.Kind == tree.Text && isDigits(strings.TrimPrefix(n.Text, "-")):
	case n.Kind != tree.Number || !aDecimal.MatchString(n.Text):
		return 0, false
	}
	if whole, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
		return whole, true
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}
