package link

import (
	"slices"
	"time"
)

// watchInterval is how often a link with calls in flight is looked at.
const watchInterval = 500 * time.Millisecond

// watch has the link looked at for answers past their time, for as long as it owes some. l.mu is held.
func (l *Link) watch() {
	if l.watched || l.err != nil {
		return
	}
	l.watched = true
	if l.timer == nil {
		l.timer = time.AfterFunc(watchInterval, l.look)
	} else {
		l.timer.Reset(watchInterval)
	}
}

// stopWatching lets go of the timer. l.mu is held.
func (l *Link) stopWatching() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// look is what the timer of watch calls.
func (l *Link) look() { l.settings.Panics.Guard("link watch", l.endIfOverdue) }

func (l *Link) endIfOverdue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched = false
	if l.overdue(time.Now()) {
		l.fail(errTimedOut)
	} else if len(l.flight) > 0 {
		l.watch()
	}
}

// overdue says whether the broker hangs: it owes an answer for too long, or an answer is past its time, be it the next one or one
// behind it, and there has been none for a while. One that answers steadily, but slowly, is not made faster by a new connection.
// l.mu is held.
func (l *Link) overdue(now time.Time) bool {
	if len(l.flight) == 0 || l.waits.Load() {
		return false
	}
	since := l.flight[0].sent // the broker owes an answer
	if l.heard.After(since) {
		since = l.heard
	}
	silent := now.Sub(since)
	late := func(f flight) bool { return !f.due.IsZero() && now.After(f.due) }
	return l.settings.AnswerTimeout > 0 && silent > l.settings.AnswerTimeout ||
		silent > l.settings.LateTimeout && slices.ContainsFunc(l.flight, late)
}
