package login

import "sync"

// Subject is what a Report is about.
type Subject string

// What reports are about.
const (
	UsersSubject Subject = "users" // the file of users
	KeysSubject  Subject = "keys"  // those that tokens are signed with
)

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

// teller gives reports of one subject, each once. Its methods may be called from any goroutine.
type teller struct {
	subject Subject
	tell    func(Report)

	mu  sync.Mutex
	now Report
}

// taken says that something new is in use, and what is not as it should be with it; empty: nothing.
func (t *teller) taken(count int, warning string) {
	t.change(func(r *Report) bool {
		r.Count, r.Err, r.Warning = count, nil, warning
		return true
	})
}

// broken says that what is there cannot be used.
func (t *teller) broken(err error) {
	t.change(func(r *Report) bool {
		same := r.Err != nil && r.Err.Error() == err.Error()
		r.Err = err
		return !same
	})
}

// warn says what is not as it should be; empty: all is.
func (t *teller) warn(warning string) {
	t.change(func(r *Report) bool {
		same := r.Warning == warning
		r.Warning = warning
		return !same
	})
}

// last is what is wrong.
func (t *teller) last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now.Err
}

func (t *teller) change(f func(r *Report) (changed bool)) {
	if report, changed := t.changed(f); changed && t.tell != nil {
		report.Subject = t.subject
		t.tell(report)
	}
}

func (t *teller) changed(f func(r *Report) (changed bool)) (now Report, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = f(&t.now)
	return t.now, changed
}
