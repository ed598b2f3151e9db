package follower

import (
	"errors"
	"slices"
)

// maxMistakes is how many are told of one file.
const maxMistakes = 10

// Mistakes are those of one file: so many, and that there are more. The zero value is none.
type Mistakes struct{ all []error }

// Add adds one.
func (m *Mistakes) Add(err error) {
	if len(m.all) <= maxMistakes {
		m.all = append(m.all, err)
	}
}

// Full says that no more are told.
func (m *Mistakes) Full() bool { return len(m.all) > maxMistakes }

// Err is all of them; nil: there is none.
func (m *Mistakes) Err() error {
	if m.Full() {
		return errors.Join(append(slices.Clone(m.all[:maxMistakes]), errors.New("and perhaps more"))...)
	}
	return errors.Join(m.all...)
}
