package config

import "strings"

// longestTypo is the length from which a word is no longer compared with the known ones.
const longestTypo = 64

// Nearest returns the word of known that wrong is most likely a misspelling of, or "" if none is near; of several the first by the
// alphabet, in whatever order they come. Dots, dashes, underscores and capitals do not count: lingerMs is near linger.ms.
func Nearest(wrong string, known []string) string {
	wrong = plain(wrong)
	if wrong == "" || len(wrong) > longestTypo {
		return ""
	}
	best, bestDistance := "", 3
	for _, k := range known {
		p := plain(k)
		if len(p) > longestTypo {
			continue
		}
		if d := distance(wrong, p); d <= typos(len(p)) && (d < bestDistance || d == bestDistance && k < best) {
			best, bestDistance = k, d
		}
	}
	return best
}

// suggest returns "; did you mean X?" for the nearest known word, or otherwise.
func suggest(wrong string, known []string, otherwise string) string {
	if n := Nearest(wrong, known); n != "" {
		return "; did you mean " + n + "?"
	}
	return otherwise
}

// typos is how many slips are forgiven in a word of n bytes: with more, another word would be as near.
func typos(n int) int {
	switch {
	case n < 3:
		return 0
	case n < 8:
		return 1
	default:
		return 2
	}
}

func plain(s string) string {
	return strings.ToLower(strings.NewReplacer(".", "", "-", "", "_", "", " ", "").Replace(s))
}

// distance is the number of bytes to insert, delete or replace to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
