package accesslog

import (
	"log/slog"
	"path/filepath"
	"sync"
)

// Writers are who writes to which file. A process has one: configurations that name the same file, of several listeners or one after
// the other, then share who writes to it. The zero value is ready for use. Any goroutine may use it.
type Writers struct {
	mu sync.Mutex
	at map[string]*writer // by absolute path
}

// Open begins a log in a file. It fails if that cannot be written, and makes it with the first line: until then nobody but us may want
// to know whether it could be. "/dev/stderr" and "/dev/stdout" are the process's own. What becomes of the file later is told to log.
func (ws *Writers) Open(path string, o Options, log *slog.Logger) (*Log, error) {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.at[path]
	if w == nil {
		var err error
		if w, err = newWriter(path, log); err != nil {
			return nil, err
		}
		if ws.at == nil {
			ws.at = map[string]*writer{}
		}
		ws.at[path] = w
	}
	l := &Log{options: o, writer: w, last: func(l *Log) bool { return ws.leave(path, l) }}
	w.join(l)
	return l, nil
}

// leave takes a log from its writer, and says whether that has no other: then whoever opens the file next has another writer.
func (ws *Writers) leave(path string, l *Log) (last bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if last = l.writer.leave(l); last {
		delete(ws.at, path)
	}
	return last
}
