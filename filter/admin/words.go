package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// What numbers are called on the page, and in text.

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// span is a length of time in one or two units: 45s, 3m 12s, 2d 4h.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < hour:
		return two(int(d/minute), "m", int(d%minute/time.Second), "s")
	case d < day:
		return two(int(d/hour), "h", int(d%hour/minute), "m")
	default:
		return two(int(d/day), "d", int(d%day/hour), "h")
	}
}

// two joins two units; the second is left out when it is nothing.
func two(n int, unit string, m int, smaller string) string {
	if m == 0 {
		return fmt.Sprintf("%d%s", n, unit)
	}
	return fmt.Sprintf("%d%s %d%s", n, unit, m, smaller)
}

// number is n in three digits or so: 0.4, 12, 3.4k, 1.2M.
func number(n float64) string {
	const step = 1000
	units := []string{"", "k", "M", "G", "T"}
	i := 0
	for ; math.Abs(n) >= step && i < len(units)-1; i++ {
		n /= step
	}
	return digits(n) + units[i]
}

// size is a number of bytes: 512 B, 1.4 KiB.
func size(n float64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; math.Abs(n) >= step && i < len(units)-1; i++ {
		n /= step
	}
	return digits(n) + " " + units[i]
}

// length is a number of milliseconds: 0.4 ms, 12 ms, 1.5 s.
func length(ms float64) string {
	const step = 1000
	switch {
	case ms == 0:
		return "–"
	case ms >= step:
		return digits(ms/step) + " s"
	default:
		return digits(ms) + " ms"
	}
}

// digits is n with one decimal place if it is small, two if it is tiny, and none if it is zero or large.
func digits(n float64) string {
	const small, tiny, bits = 10, 0.1, 64
	switch a := math.Abs(n); {
	case a == 0 || a >= small:
		return strconv.FormatFloat(n, 'f', 0, bits)
	case a < tiny:
		return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 2, bits), ".00")
	default:
		return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, bits), ".0")
	}
}

// plural is a number of things: 1 cluster, 2 clusters.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
