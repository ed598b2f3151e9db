package admin

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"
	"time"
)

// routes answers requests. Its methods may be called from any goroutine.
type routes struct {
	Options

	board *Board
}

// handler is all that a server answers.
func handler(b *Board, o Options) http.Handler {
	r := &routes{Options: o, board: b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", r.page)
	mux.Handle("GET /metrics", metricsHandler(b, o.Process))
	mux.HandleFunc("GET /healthz", r.healthz)
	mux.HandleFunc("GET /readyz", r.readyz)
	mux.HandleFunc("GET /status.json", r.statusJSON)
	mux.HandleFunc("GET /log", r.showLevel)
	mux.HandleFunc("POST /log", r.setLevel)
	mux.HandleFunc("PUT /log", r.setLevel)
	mux.HandleFunc("GET /debug/pprof/", r.profiles(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/cmdline", r.profiles(pprof.Cmdline))
	mux.HandleFunc("GET /debug/pprof/profile", r.profiles(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/symbol", r.profiles(pprof.Symbol))
	mux.HandleFunc("GET /debug/pprof/trace", r.profiles(pprof.Trace))
	mux.HandleFunc("POST "+handOverPath, r.handOver)
	mux.HandleFunc("/", notFound)
	return bounded(http.NewCrossOriginProtection().Handler(mux))
}

// bounded bounds what a request may bring, and how long its answer may take, and tells browsers what they may do with it.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if !strings.HasPrefix(r.URL.Path, "/debug/pprof/") {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // tests' writers have none
		}
		if !local(r) {
			plain(w, http.StatusMisdirectedRequest, "there is nothing of that name here; ask for localhost or 127.0.0.1")
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'")
		next.ServeHTTP(w, r)
	})
}

// local says whether who asks means us: on a loopback address that is somebody who calls it so, and not a web page that had its own
// name resolve to it.
func local(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "" || strings.EqualFold(host, "localhost") || ip != nil
}

func notFound(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" || known(r.URL.Path) {
		plain(w, http.StatusMethodNotAllowed, "the method is not for this path")
		return
	}
	plain(w, http.StatusNotFound, "there is / /metrics /healthz /readyz /status.json /log")
}

// known says whether a path is answered with another method.
func known(path string) bool {
	switch path {
	case "/metrics", "/healthz", "/readyz", "/status.json", "/log":
		return true
	default:
		return false
	}
}

// healthz says that the process is alive: it answers.
func (r *routes) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") }

// readyz says whether the process, or one of its clusters, is ready.
func (r *routes) readyz(w http.ResponseWriter, req *http.Request) {
	code, v := answerReady(r.board.readiness(), req.URL.Query())
	if wantsJSON(req) {
		writeJSON(w, code, v)
		return
	}
	plain(w, code, strings.TrimSuffix(v.text(time.Now()), "\n"))
}

// answerReady is what is answered to a question for readiness.
func answerReady(v verdict, query url.Values) (code int, answer verdict) {
	if query.Has("cluster") {
		one, ok := v.only(query.Get("cluster"))
		if !ok {
			one.Ready, one.Reason = false, "there is no cluster of that name"
			return http.StatusNotFound, one
		}
		v = one
	}
	if !v.Ready {
		return http.StatusServiceUnavailable, v
	}
	return http.StatusOK, v
}

// statusJSON answers all that is told.
func (r *routes) statusJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, r.board.now().Status)
}

// profiles answers with one of Go's profiles, if they are to be had.
func (r *routes) profiles(show http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if r.Profiles == nil || !r.Profiles() {
			plain(w, http.StatusNotFound, "profiles are off; admin: {pprof: true} in the configuration turns them on")
			return
		}
		if req.URL.Query().Has("seconds") && longer(req.URL.Query().Get("seconds"), profileTimeout) {
			plain(w, http.StatusBadRequest, "a profile may take "+span(profileTimeout))
			return
		}
		w.Header().Del("Content-Security-Policy") // the index has styles
		show(w, req)
	}
}

// longer says whether a number of seconds is more than most, or none.
func longer(seconds string, most time.Duration) bool {
	d, err := time.ParseDuration(seconds + "s")
	return err != nil || d > most
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// plain answers with a line of text, or several.
func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") //nolint:gosec // it is no markup, and says so; who asked may be gone
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	code, text := encode(code, v)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text) //nolint:gosec // as in plain
}

// encode is v for programs, and the code to answer it with.
func encode(code int, v any) (ofHTTP int, text string) {
	encoded, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // a number that is none
		return http.StatusInternalServerError, `{"error": "cannot be told; please report it"}` + "\n"
	}
	return code, string(encoded) + "\n"
}
