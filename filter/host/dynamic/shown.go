package dynamic

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/admin"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
)

// levelAdvice is what /log says.
const levelAdvice = "Envoy has the log: curl -X POST 'ADMIN/logging?dynamic_modules=debug', with ADMIN as Envoy's own admin interface, sets the level"

// The paths of Envoy's admin interface that are ours.
const (
	pathPage   = "/kafkamesh"
	pathStatus = "/kafkamesh/status.json"
	pathReady  = "/kafkamesh/readyz"
)

// shown is what Envoy's meshes show to who runs Envoy: on Envoy's own admin interface, with the bootstrap extension, and on listeners that
// configurations ask for. Its methods may be called from any goroutine.
type shown struct {
	board  *admin.Board
	places *admin.Places
}

var _ abi.Admin = (*shown)(nil)

func newShown(log *slog.Logger) *shown {
	board := admin.NewBoard("Envoy", log)
	return &shown{board, admin.NewPlaces(board, admin.Options{Log: log, LevelAdvice: levelAdvice})}
}

// Paths implements abi.Admin.
func (s *shown) Paths() []abi.Path {
	return []abi.Path{
		{Path: pathPage, Help: "how the Kafka meshes do: what is wrong, clusters, rules, clients"},
		{Path: pathStatus, Help: "the same for programs"},
		{Path: pathReady, Help: "200 when the Kafka meshes are ready, or those of ?cluster=NAME; else 503, and why"},
	}
}

// Answer implements abi.Admin.
func (s *shown) Answer(path string) (code int, text string) {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return http.StatusBadRequest, err.Error() + "\n"
	}
	switch u.Path {
	case pathPage:
		return http.StatusOK, s.board.Text()
	case pathStatus:
		return s.board.JSON()
	case pathReady:
		return s.board.Ready(u.Query())
	default:
		return http.StatusNotFound, "there is " + pathPage + ", " + pathStatus + " and " + pathReady + "\n"
	}
}

// Draining implements abi.Admin.
func (s *shown) Draining() { s.board.Drain() }

// show shows a mesh until hide is called.
func (s *shown) show(f *filter.Filter, c *config.Admin) (hide func()) {
	leave := s.board.Join(f)
	if c == nil {
		return leave
	}
	release := s.places.Open(c.Address, c.Pprof)
	return func() {
		release()
		leave()
	}
}
