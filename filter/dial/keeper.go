package dial

import (
	"crypto/tls"
	"errors"
	"sync"
	"time"
)

// Keeper gives what connections of one client are encrypted with: what is there now, read anew each time. Files are replaced one after
// another, so that there are moments in which a key and a certificate do not belong together, or a file is half written: then it is what
// was there before. Its methods may be called from any goroutine.
type Keeper struct {
	tls *TLS

	mu   sync.Mutex
	last material // what could be used last, each part of it for itself
}

// NewKeeper returns one that knows what is there now, as far as it can be used.
func NewKeeper(t *TLS) *Keeper {
	k := &Keeper{tls: t}
	k.read(time.Now())
	return k
}

// Load returns a configuration for a connection to host, or why there is none. stale says why parts of it are what was there before.
func (k *Keeper) Load(host string, now time.Time) (config *tls.Config, stale, err error) {
	m, stale, err := k.usable(now)
	if err != nil {
		return nil, nil, err
	}
	return k.tls.config(host, m), stale, nil
}

// usable is what is there now, and in the place of what is wrong with it what was there before.
func (k *Keeper) usable(now time.Time) (m material, stale, err error) {
	m, problems := k.read(now)
	for _, p := range problems {
		switch {
		case p.Warning:
		case k.bridges(p.Part, m, now):
			stale = errors.Join(stale, p.located())
		default:
			return material{}, nil, p.located()
		}
	}
	return m, stale, nil
}

// read reads everything, and puts what was there before in the place of what cannot be used.
func (k *Keeper) read(now time.Time) (material, []*Problem) {
	m, problems := k.tls.read(now)
	k.mu.Lock()
	defer k.mu.Unlock()
	own, authorities, withdrawn := true, true, true
	for _, p := range problems {
		switch {
		case p.Warning:
		case p.Part == PartCA:
			authorities = false
		case p.Part == PartCRL:
			withdrawn = false
		default:
			own = false
		}
	}
	if own {
		k.last.pair, k.last.with = m.pair, m.with
	}
	if authorities {
		k.last.authorities = m.authorities
	}
	if withdrawn {
		k.last.withdrawn = m.withdrawn
	}
	return k.last, problems
}

// bridges says whether what was there before can be used in place of a part that is wrong now.
func (k *Keeper) bridges(part Part, m material, now time.Time) bool {
	switch part {
	case PartCA:
		return len(m.authorities) > 0 && now.Before(latest(m.authorities))
	case PartCRL:
		return len(m.withdrawn) > 0
	default:
		return m.pair != nil && now.Before(m.pair.Leaf.NotAfter)
	}
}

// Sound says whether all that connections are encrypted with can be used as it is now.
func (s *Settings) Sound(now time.Time) bool {
	if s.TLS == nil {
		return true
	}
	_, problems := s.TLS.read(now)
	for _, p := range problems {
		if !p.Warning {
			return false
		}
	}
	return true
}
