//go:build !linux

package socket

import "net/netip"

// Unread is how many bytes the kernel has of a TCP connection that the peer has not taken. Here it does not say.
func Unread(_, _ netip.AddrPort) (n int, ok bool) { return 0, false }
