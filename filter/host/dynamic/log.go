package dynamic

import (
	"log/slog"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/envoylog"
)

// newLog returns a logger that writes to Envoy's log.
func newLog(enabled func(abi.Level) bool, write func(abi.Level, string)) *slog.Logger {
	return envoylog.New(
		func(l slog.Level) bool { return enabled(envoyLevel(l)) },
		func(l slog.Level, line string) { write(envoyLevel(l), line) })
}

func envoyLevel(l slog.Level) abi.Level {
	switch {
	case l < slog.LevelInfo:
		return abi.Debug
	case l < slog.LevelWarn:
		return abi.Info
	case l < slog.LevelError:
		return abi.Warn
	default:
		return abi.Error
	}
}
