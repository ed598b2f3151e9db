package main

import (
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// lookAtTLS is how long after one look at the files of listen_tls the next is.
const lookAtTLS = time.Second

// listenTLS is what clients' connections are encrypted with. It reads files again when they change. A nil one is that of a mesh whose
// clients do not speak TLS.
type listenTLS struct {
	settings *config.ListenTLS
	keeper   *dial.Keeper
	log      *slog.Logger
	current  atomic.Pointer[tls.Config] // nil: nothing that is there can be used
	end      chan struct{}
	running  sync.WaitGroup

	seen [sha256.Size]byte // what was there when it was last read
}

// followTLS reads what is there, and goes on with that until close.
func followTLS(settings *config.ListenTLS, log *slog.Logger) *listenTLS {
	if settings == nil {
		return nil
	}
	l := &listenTLS{settings: settings, keeper: dial.NewKeeper(&settings.TLS), log: log, end: make(chan struct{})}
	l.look()
	l.running.Go(l.follow)
	return l
}

// withoutTLS is what a configuration asks for in vain where clients speak no TLS with us. Of Envoy's listeners nobody but Envoy knows that.
func withoutTLS(c *config.Config) (lacking []string) {
	if c.ListenTLS != nil {
		return nil
	}
	if c.NamedBy != config.NamedByNothing {
		lacking = append(lacking, "authentication.tls calls nobody by a certificate: nobody shows one without listen_tls")
	}
	if c.Logins != nil && !c.Logins.Bare {
		for _, mechanism := range c.Logins.Settings.Mechanisms {
			if login.CanBeOverheard(mechanism) {
				lacking = append(lacking, mechanism+" is offered to nobody: it is for connections with TLS, so write listen_tls, or "+
					"allow_plain_without_tls if TLS ends before")
			}
		}
	}
	return lacking
}

// config is for a connection that has just been accepted.
func (l *listenTLS) config() (config *tls.Config, speaks bool) {
	if l == nil {
		return nil, false
	}
	return l.current.Load(), true
}

func (l *listenTLS) close() {
	if l != nil {
		close(l.end)
		l.running.Wait()
	}
}

func (l *listenTLS) follow() {
	every := time.NewTicker(lookAtTLS)
	defer every.Stop()
	for {
		select {
		case <-l.end:
			return
		case <-every.C:
			l.look()
		}
	}
}

// look reads what is there if it is not what was there.
func (l *listenTLS) look() {
	defer func() {
		if reason := recover(); reason != nil {
			l.log.Error("panic recovered; please report it", "panic", reason, "stack", string(debug.Stack()))
		}
	}()
	first, now := l.current.Load() == nil && l.seen == [sha256.Size]byte{}, l.settings.TLS.Fingerprint()
	if now == l.seen {
		return
	}
	l.seen = now
	next, stale, err := l.keeper.Accept(l.settings.Optional, time.Now())
	l.current.Store(next)
	switch {
	case err != nil:
		l.log.Error("what clients' connections are encrypted with cannot be read; no client is served until that is right", "error", err)
	case stale != nil:
		l.log.Error("what clients' connections are encrypted with cannot be read; what was there before stays", "error", stale)
	case !first:
		l.log.Info("what clients' connections are encrypted with was read")
	}
}
