package session

import "bytes"

const (
	// pauseAbove is how much is kept of what a client sent before its reads pause. Usually nothing is.
	pauseAbove = 64 << 10
	// maxKept is how much is kept at most. A host that can pause hands over what it has read already, 1 MiB or so.
	maxKept = 4 << 20
)

// kept is what a client has sent and may not be taken yet. The session's mutex guards it.
type kept struct {
	bytes    []byte
	size     int  // of bytes, and of what was lent
	overflow bool // more came than is kept: from then on nothing is
}

// add keeps a copy of p behind what is kept.
func (k *kept) add(p []byte) {
	if k.overflow {
		return
	}
	k.bytes = append(k.bytes, p...)
	k.size += len(p)
}

// lend hands out what is kept, to be taken. What is left of it comes back with putBack.
func (k *kept) lend() []byte {
	p := k.bytes
	k.bytes = nil
	return p
}

// putBack keeps p, which came before what is kept. own says that it was lent, and need not be copied.
func (k *kept) putBack(p []byte, own bool) {
	if len(p) > 0 && !k.overflow {
		if !own {
			p = bytes.Clone(p)
		}
		k.bytes = append(p, k.bytes...)
	}
	k.size = len(k.bytes)
}

// drop forgets what is kept.
func (k *kept) drop() { k.bytes = nil }

// dropOverflow drops what is kept, for good, if it is too much. It reports whether it has just done so.
func (k *kept) dropOverflow() bool {
	if k.overflow || k.size <= maxKept {
		return false
	}
	k.overflow = true
	k.drop()
	return true
}

// empty reports whether nothing is kept.
func (k *kept) empty() bool { return len(k.bytes) == 0 }

// large reports whether so much is kept that the client's reads should pause.
func (k *kept) large() bool { return k.size > pauseAbove }
