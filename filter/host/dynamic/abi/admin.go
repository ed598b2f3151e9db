package abi

/*
#include "bootstrap.h"
*/
import "C"

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// Admin is what the module shows to who runs Envoy.
type Admin interface {
	// Paths are those of Envoy's admin interface that Answer answers, each with a sentence about it.
	Paths() []Path
	// Answer answers a request to one of them, as text: Envoy has no other type for it. Envoy's main thread waits for it.
	Answer(path string) (code int, text string)
	// Draining says that Envoy drains or ends.
	Draining()
}

// Path is a path of Envoy's admin interface.
type Path struct{ Path, Help string }

// RegisterAdmin says what is shown. Call it in an init of the main package; it takes the bootstrap extension.
func RegisterAdmin(a Admin) { shown.Store(&a) }

// shown is a global because Envoy finds hooks by name; nil: nothing is shown.
//
//nolint:gochecknoglobals // see above
var shown atomic.Pointer[Admin]

// tellDraining says that Envoy drains or ends.
func tellDraining() {
	if a := shown.Load(); a != nil {
		(*a).Draining()
	}
}

//export kmGoAdminPaths
func kmGoAdminPaths(bootstrap *C.km_bootstrap) {
	defer caught("admin paths")
	a := shown.Load()
	if a == nil {
		return
	}
	for _, p := range (*a).Paths() {
		path, length := chars(p.Path)
		help, helpLength := chars(p.Help)
		if !bool(C.km_bootstrap_admin(bootstrap, path, length, help, helpLength)) {
			Log(Debug, "kafka_mesh: Envoy's admin interface does not take "+p.Path)
		}
	}
}

// kmGoAdminEnds says that Envoy is about to end.
//
//export kmGoAdminEnds
func kmGoAdminEnds(bootstrap *C.km_bootstrap) {
	defer caught("admin ends")
	a := shown.Load()
	if a == nil {
		return
	}
	for _, p := range (*a).Paths() {
		path, length := chars(p.Path)
		C.km_bootstrap_no_admin(bootstrap, path, length)
	}
}

//export kmGoAdminRequest
func kmGoAdminRequest(bootstrap *C.km_bootstrap, method, path C.envoy_dynamic_module_type_envoy_buffer) (code C.uint32_t) {
	defer caught("admin request")
	status, answer := answerAdmin(text(method), text(path))
	p, length := chars(answer)
	C.km_bootstrap_answer(bootstrap, p, length)
	return C.uint32_t(status)
}

// answerAdmin answers a request, with a bug too.
func answerAdmin(method, path string) (code int, answer string) {
	defer func() {
		if reason := recover(); reason != nil {
			code, answer = http.StatusInternalServerError, "a bug; the log says more\n"
			Log(Error, fmt.Sprintf("kafka_mesh: panic recovered; please report it in=admin panic=%v stack=%s", reason, debug.Stack()))
		}
	}()
	a := shown.Load()
	if a == nil || method != http.MethodGet {
		return http.StatusMethodNotAllowed, "only GET is answered\n"
	}
	return (*a).Answer(path)
}

// chars is the memory of a text, which C must not keep.
func chars(s string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}
