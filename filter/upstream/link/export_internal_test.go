package link

// Skip has a link go on as if it had sent n requests more.
func (l *Link) Skip(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next += n
	l.begun += n
	l.whole += n
}
