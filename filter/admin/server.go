package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// What a server may cost.
const (
	maxConnections = 32
	maxHeader      = 16 << 10
	maxBody        = 4 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	answerTimeout  = 15 * time.Second
	idleTimeout    = time.Minute
	// profileTimeout is how long a profile may take.
	profileTimeout = time.Minute
	// endTimeout is how long the end of a server waits for answers that are on their way.
	endTimeout = time.Second
)

// Options say what a server shows beside its board.
type Options struct {
	// Log is the server's.
	Log *slog.Logger
	// Level is the log's, which /log sets. Nil: it is the host's; LevelAdvice says how to set it.
	Level       *slog.LevelVar
	LevelAdvice string
	// Process has the metrics of Go's runtime and of the process shown.
	Process bool
	// Profiles says whether Go's profiles are shown now. Nil: no.
	Profiles func() bool

	handOver func() // closes the listener, for a successor; nil: there is none to be expected
}

// Server answers HTTP from a board. Its methods may be called from any goroutine.
type Server struct {
	board *Board
	http  *http.Server
	log   *slog.Logger

	serving sync.WaitGroup
}

// New returns a server that listens on nothing yet.
func New(b *Board, o Options) *Server {
	s := &Server{board: b, log: o.Log}
	s.http = &http.Server{
		Handler: handler(b, o), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: profileTimeout + answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(quiet{o.Log.Handler()}, slog.LevelDebug),
	}
	return s
}

// Serve has clients of a listener answered, on goroutines, until the listener is closed or the server is.
func (s *Server) Serve(l net.Listener) {
	s.serving.Go(func() {
		s.board.guard("server", func() {
			err := s.http.Serve(limit(l, maxConnections))
			if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				s.log.Error("the admin listener is broken", "address", l.Addr(), "error", err)
			}
		})
	})
}

// Close ends the server: who is being answered has a moment.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // what is left is ended
	}
	s.serving.Wait()
}

// quiet is a log's handler for what net/http says: a panic of a handler is an error, all else is the trouble of who asks.
type quiet struct{ slog.Handler }

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	if !q.Enabled(ctx, r.Level) {
		return nil
	}
	r.Message = "admin: " + r.Message
	return q.Handler.Handle(ctx, r)
}
