package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows does not tell Go's scheduler of the calls: they do not wait, and telling costs more than a short one.

// maxParts is how many parts are written by one call.
const maxParts = 64

func read(fd int, p []byte) (int, error) {
	n, _, err := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

// send writes what the socket takes of parts, and returns how many bytes that was; with unix.EAGAIN when it takes nothing.
func send(fd int, parts [][]byte) (total int, err error) {
	for len(parts) > 0 {
		some := parts[:min(len(parts), maxParts)]
		n, err := sendSome(fd, some)
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

func sendSome(fd int, parts [][]byte) (int, error) {
	var vectors [maxParts]unix.Iovec
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
	message := unix.Msghdr{Iov: &vectors[0]}
	message.SetIovlen(k)
	for {
		n, _, err := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch err {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}
