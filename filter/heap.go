package filter

import (
	"os"
	"sync"
)

// heapFloor is never touched, and so takes no memory. But the garbage collector counts it as living: it collects when there is as
// much garbage as that, and not after 4 MiB, as in any process whose living heap is as small as ours. With 16 clients
// that was some thirty times a second.
const heapFloor = 32 << 20

// raiseHeapFloor makes the collector's work rarer, once in a process, unless its environment says how often it is to work.
//
//nolint:gochecknoglobals // there is one heap
var raiseHeapFloor = sync.OnceValue(func() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, heapFloor)
})
