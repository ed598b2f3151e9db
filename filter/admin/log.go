package admin

import (
	"log/slog"
	"net/http"
	"strings"
)

// showLevel says which level the log has.
func (r *routes) showLevel(w http.ResponseWriter, _ *http.Request) {
	if r.Level == nil {
		plain(w, http.StatusOK, r.LevelAdvice)
		return
	}
	plain(w, http.StatusOK, "level: "+strings.ToLower(r.Level.Level().String()))
}

// setLevel sets the log's level.
func (r *routes) setLevel(w http.ResponseWriter, req *http.Request) {
	if r.Level == nil {
		plain(w, http.StatusConflict, r.LevelAdvice)
		return
	}
	if err := req.ParseForm(); err != nil {
		plain(w, http.StatusBadRequest, "the request makes no sense: write /log?level=debug")
		return
	}
	level, ok := levelOf(req.Form.Get("level"))
	if !ok {
		plain(w, http.StatusBadRequest, "level is one of debug, info, warn, error")
		return
	}
	before := r.Level.Level()
	r.Level.Set(level)
	if before != level {
		r.Log.Warn("the log's level was changed", "from", before, "to", level)
	}
	r.showLevel(w, req)
}

// levelOf is the level of a name.
func levelOf(name string) (l slog.Level, ok bool) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(name, l.String()) {
			return l, true
		}
	}
	return 0, false
}
