package saramaclient

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/IBM/sarama"
)

// errInternal stands for a panic, which is a bug.
var errInternal = errors.New("internal error; please report it")

// stopPanics has sarama stop the panics of its own goroutines, which it does when somebody wants to hear of them. Who waits for
// such a goroutine has a deadline.
var stopPanics = sync.OnceFunc(func() { sarama.PanicHandler = report }) //nolint:gochecknoglobals // as sarama's handler is

// report logs a panic.
func report(reason any) {
	slog.Error("panic recovered; please report it", "in", "sarama", "panic", reason, "stack", string(debug.Stack()))
}

// caught makes a panic an error. Defer it.
func caught(err *error) {
	if reason := recover(); reason != nil {
		report(reason)
		*err = fmt.Errorf("%w: %v", errInternal, reason)
	}
}
