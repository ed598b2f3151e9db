package abi

/*
#include "ending.h"
*/
import "C"

import "unsafe"

// Teller is a Session that has something to tell Envoy's access log of its connection.
type Teller interface {
	// Tell is called once, when the connection has ended, before Closed, unless an earlier call panicked. It does not keep e.
	Tell(e *Ending)
}

// Ending is a connection that has ended, and that Envoy is about to write into its listener's access log. It is good until Tell returns.
type Ending struct{ c *C.km_conn }

// Text sets dynamic metadata of the namespace kafkamesh.
func (e *Ending) Text(key, value string) {
	name, n := chars(key)
	text, length := chars(value)
	C.km_conn_tell_text(e.c, name, n, text, length)
}

// Number is Text for a number.
func (e *Ending) Number(key string, value int64) {
	name, n := chars(key)
	C.km_conn_tell_number(e.c, name, n, C.int64_t(value))
}

// State sets filter state.
func (e *Ending) State(key string, value []byte) {
	name, n := chars(key)
	C.km_conn_tell_state(e.c, name, n, (*C.char)(unsafe.Pointer(unsafe.SliceData(value))), C.size_t(len(value)))
}

// tell has the session tell what it has to tell. On the connection's worker, in the close event.
func (s *session) tell() {
	if t, ok := s.Session.(Teller); ok {
		guard(s.filter, func() { t.Tell(&Ending{s.conn.c}) })
	}
}
