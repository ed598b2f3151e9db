package abi

/*
#include "conn.h"
*/
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// keepFrom is from which size on a write is kept: C would copy a smaller one in less time than it takes to tell that it is sent.
const keepFrom = 64 << 10

// kept is the writes of a connection whose parts Envoy has not copied yet. Any goroutine may use it.
type kept struct {
	mu     sync.Mutex
	last   uint64 // the number of the latest
	writes map[uint64]*write
	gone   bool // the connection is, and nothing is read any more
}

// write is one whose parts C has pointers to.
type write struct {
	pins runtime.Pinner
	sent func()
}

func (w *write) end() {
	w.pins.Unpin()
	w.sent()
}

// isLong says whether parts should not be copied.
func isLong(parts [][]byte) bool {
	size, long := 0, false
	for _, p := range parts {
		size += len(p)
		long = long || len(p) >= C.KAFKAMESH_KEEP_FROM
	}
	return long && size >= keepFrom
}

// keep is Writev for parts that are long.
func (c *Conn) keep(parts [][]byte, sent func()) (outputFull bool) {
	w := &write{sent: sent}
	list := make([]C.km_part, 0, len(parts))
	for _, p := range parts {
		if len(p) > 0 {
			start := unsafe.SliceData(p)
			w.pins.Pin(start)
			list = append(list, C.km_part{bytes: C.uintptr_t(uintptr(unsafe.Pointer(start))), length: C.size_t(len(p))})
		}
	}
	number := c.kept.add(w)
	if number == 0 {
		w.end()
		return false
	}
	var kept C.bool
	outputFull = bool(C.km_conn_keep(c.c, unsafe.SliceData(list), C.size_t(len(list)), C.uint64_t(number), &kept))
	runtime.KeepAlive(parts) // the connection may be gone by now, and nothing pinned any more
	if !kept {
		c.kept.end(number)
	}
	return outputFull
}

// add gives a write its number; 0: the connection is gone.
func (k *kept) add(w *write) (number uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return 0
	}
	if k.writes == nil {
		k.writes = map[uint64]*write{}
	}
	k.last++
	k.writes[k.last] = w
	return k.last
}

// end ends a write that is sent, or will never be.
func (k *kept) end(number uint64) {
	if w := k.take(number); w != nil {
		w.end()
	}
}

func (k *kept) take(number uint64) *write {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.writes[number]
	if delete(k.writes, number); len(k.writes) == 0 {
		k.writes = nil
	}
	return w
}

// endAll ends all, since the connection is gone.
func (k *kept) endAll() {
	k.mu.Lock()
	writes := k.writes
	k.writes, k.gone = nil, true
	k.mu.Unlock()
	for _, w := range writes {
		w.end()
	}
}
