package contrib

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/admin"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// levelAdvice is what /log says.
const levelAdvice = "Envoy has the log: curl -X POST 'ADMIN/logging?golang=debug', with ADMIN as Envoy's own admin interface, sets the level"

// shown is what meshes show to who runs Envoy. Envoy never says that a configuration is no longer used: one that has had no client for a
// while is not shown any more if there is a newer one, unless clients come again. Its methods may be called from any goroutine.
type shown struct {
	board  *admin.Board
	places *admin.Places

	mu     sync.Mutex
	meshes []*showing // the newest last
}

// showing is one mesh, guarded by the mutex.
type showing struct {
	filter  *filter.Filter
	admin   *config.Admin
	hide    func() // nil: it is not shown
	joined  bool   // for good: what it has counted stays in the metrics
	resting bool
}

func newShown(log *slog.Logger) *shown {
	board := admin.NewBoard("Envoy contrib", log)
	return &shown{board: board, places: admin.NewPlaces(board, admin.Options{Log: log, LevelAdvice: levelAdvice})}
}

// add shows a mesh, and hides those that rest.
func (s *shown) add(m *showing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meshes = append(s.meshes, m)
	s.update()
}

// rest takes note that a mesh has had no client for a while, or has some again.
func (s *shown) rest(m *showing, resting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.resting = resting
	s.update()
}

// update shows and hides what should be. The mutex is held.
func (s *shown) update() {
	for i, m := range s.meshes {
		switch show := i == len(s.meshes)-1 || !m.resting; {
		case show && m.hide == nil:
			m.hide = s.show(m)
		case !show && m.hide != nil:
			m.hide()
			m.hide = nil
		}
	}
}

// show shows a mesh until hide is called.
func (s *shown) show(m *showing) (hide func()) {
	if !m.joined {
		m.joined = true
		s.board.Join(m.filter)
	}
	s.board.Show(m.filter, true)
	release := func() {}
	if m.admin != nil {
		release = s.places.Open(m.admin.Address, m.admin.Pprof)
	}
	return func() {
		release()
		s.board.Show(m.filter, false)
	}
}

// onlyValidates reports whether Envoy was started to look at its configuration: nothing is to be served then.
func onlyValidates(args []string) bool {
	i := slices.Index(args, "--mode")
	return slices.Contains(args, "--mode=validate") || i >= 0 && i+1 < len(args) && args[i+1] == "validate"
}
