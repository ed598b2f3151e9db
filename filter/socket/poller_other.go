//go:build !linux

package socket

import "net"

// Poller is for Linux: elsewhere there is none.
type Poller struct{}

// NewPoller returns nil.
func NewPoller(func(where string, f func())) *Poller { return nil }

// FD is none.
func (*Poller) FD() int { return -1 }

// Watch returns nil.
//
//nolint:ireturn // as Watcher has it
func (*Poller) Watch(net.Conn, func(), Events) Socket { return nil }

// Wake does nothing.
func (*Poller) Wake() {}

// Wait does not wait.
func (*Poller) Wait() bool { return false }

// Look does nothing.
func (*Poller) Look() {}

// Handle does nothing.
func (*Poller) Handle() (more bool) { return false }

// Close does nothing.
func (*Poller) Close() {}
