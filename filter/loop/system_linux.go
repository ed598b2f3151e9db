package loop

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows does not tell Go's scheduler of the calls: they do not wait, and telling costs more than a short one.

// maxVectors is how many parts are written by one call.
const maxVectors = 64

func read(fd int, p []byte) (int, error) {
	n, _, err := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

// writev writes what the socket takes of parts, and returns how many bytes that was; with unix.EAGAIN when it takes nothing.
func writev(fd int, parts [][]byte) (total int, err error) {
	for len(parts) > 0 {
		some := parts[:min(len(parts), maxVectors)]
		n, err := writeSome(fd, some)
		if n == 0 && err != nil {
			if total > 0 {
				err = nil
			}
			return total, err
		}
		total += n
		for _, p := range some {
			n -= len(p)
		}
		if n < 0 {
			return total, nil
		}
		parts = parts[len(some):]
	}
	return total, nil
}

func writeSome(fd int, parts [][]byte) (int, error) {
	var vectors [maxVectors]unix.Iovec
	k := 0
	for _, p := range parts {
		if len(p) > 0 {
			vectors[k].Base = unsafe.SliceData(p)
			vectors[k].SetLen(len(p))
			k++
		}
	}
	if k == 0 {
		return 0, nil
	}
	for {
		n, _, err := syscall.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&vectors)), uintptr(k))
		switch err {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}
