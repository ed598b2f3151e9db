package driver

import (
	"bytes"
	"strconv"
)

// Number is the number of a record that a program has sent, from its key or else its value, and -1 if no program sends such a one. What they
// send is said in test/matrix/content_test.go.
func Number(key, value []byte) int {
	text, found := bytes.CutPrefix(key, []byte("key-"))
	if !found {
		parts := bytes.SplitN(value, []byte("|"), 3)
		if len(parts) != 3 {
			return -1
		}
		text = parts[1]
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return -1
	}
	return n
}
