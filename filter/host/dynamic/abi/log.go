package abi

/*
#include "module.h"
*/
import "C"

import "unsafe"

// Level is one of Envoy's log levels.
type Level int

// The levels that a module logs at.
const (
	Debug Level = C.envoy_dynamic_module_type_log_level_Debug
	Info  Level = C.envoy_dynamic_module_type_log_level_Info
	Warn  Level = C.envoy_dynamic_module_type_log_level_Warn
	Error Level = C.envoy_dynamic_module_type_log_level_Error
)

// LogEnabled says whether Envoy shows this level of its component dynamic_modules. Any goroutine may call it.
func LogEnabled(l Level) bool {
	return bool(C.km_log_enabled(C.envoy_dynamic_module_type_log_level(l)))
}

// Log writes a line to Envoy's log, component dynamic_modules. Any goroutine may call it.
func Log(l Level, line string) {
	text := (*C.char)(unsafe.Pointer(unsafe.StringData(line)))
	C.km_log(C.envoy_dynamic_module_type_log_level(l), text, C.size_t(len(line)))
}
