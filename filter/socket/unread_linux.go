package socket

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sizes of what the kernel is asked and answers (struct nlmsghdr, inet_diag_sockid, inet_diag_req_v2 and inet_diag_msg), and where in the
// last one bytes are counted that the peer has not acknowledged.
const (
	diagHeader  = 16
	diagSocket  = 48
	diagRequest = diagHeader + 8 + diagSocket
	diagUnread  = diagHeader + 4 + diagSocket + 4 + 4
)

// diagByFamily is SOCK_DIAG_BY_FAMILY.
const diagByFamily = 20

// Unread is how many bytes the kernel has of a TCP connection of this machine, in this process's network namespace, that the peer has not
// taken. It reports false if the kernel does not know of such a connection, or does not say. It does not wait: the kernel answers while it
// is asked.
func Unread(local, remote netip.AddrPort) (n int, ok bool) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Sendto(fd, unreadRequest(local, remote), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false
	}
	var answer [512]byte
	size, _, err := unix.Recvfrom(fd, answer[:], unix.MSG_DONTWAIT)
	if err != nil || size < diagUnread+4 || binary.NativeEndian.Uint16(answer[4:]) != diagByFamily {
		return 0, false
	}
	return int(binary.NativeEndian.Uint32(answer[diagUnread:])), true
}

func unreadRequest(local, remote netip.AddrPort) []byte {
	from, to := local.Addr().Unmap(), remote.Addr().Unmap()
	b := make([]byte, diagRequest)
	binary.NativeEndian.PutUint32(b, diagRequest)
	binary.NativeEndian.PutUint16(b[4:], diagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[diagHeader:]
	r[0], r[1] = unix.AF_INET6, unix.IPPROTO_TCP
	if from.Is4() {
		r[0] = unix.AF_INET
	}
	binary.NativeEndian.PutUint32(r[4:], ^uint32(0)) // in any state
	id := r[8:]
	binary.BigEndian.PutUint16(id, local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], from.AsSlice())
	copy(id[20:36], to.AsSlice())
	binary.NativeEndian.PutUint64(id[40:], ^uint64(0)) // no cookie
	return b
}
