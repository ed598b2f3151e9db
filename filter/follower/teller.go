package follower

import "sync"

// Subject is what a Report is about.
type Subject string

// Report says what became of a file or of keys that were read again. It is given when that changes, and not each time.
type Report struct {
	Subject Subject
	// Count is how many users or keys there are in use now.
	Count int
	// Err says why what is there now is not used; what was there before still is. Nil: all is well.
	Err error
	// Warning says what is not as it should be, and used. Empty: nothing.
	Warning string
}

// Teller gives reports of one subject, each once. Its methods may be called from any goroutine.
type Teller struct {
	Subject Subject
	// Tell is told. Nil: nobody is.
	Tell func(Report)

	mu  sync.Mutex
	now Report
}

// Taken says that something new is in use, and what is not as it should be with it; empty: nothing.
func (t *Teller) Taken(count int, warning string) {
	t.change(func(r *Report) bool {
		r.Count, r.Err, r.Warning = count, nil, warning
		return true
	})
}

// Broken says that what is there cannot be used.
func (t *Teller) Broken(err error) {
	t.change(func(r *Report) bool {
		same := r.Err != nil && r.Err.Error() == err.Error()
		r.Err = err
		return !same
	})
}

// Warn says what is not as it should be; empty: all is.
func (t *Teller) Warn(warning string) {
	t.change(func(r *Report) bool {
		same := r.Warning == warning
		r.Warning = warning
		return !same
	})
}

// Last is what is wrong.
func (t *Teller) Last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now.Err
}

func (t *Teller) change(f func(r *Report) (changed bool)) {
	if report, changed := t.changed(f); changed && t.Tell != nil {
		report.Subject = t.Subject
		t.Tell(report)
	}
}

func (t *Teller) changed(f func(r *Report) (changed bool)) (now Report, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = f(&t.now)
	return t.now, changed
}
