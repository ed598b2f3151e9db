//go:build !linux

package loop

import (
	"net"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

// poller is not there: connections have goroutines.
type poller struct{}

func (l *Loop) watch(net.Conn, func(), socket.Events) socket.Socket { return nil }

func (*poller) wake()        {}
func (*poller) close()       {}
func (*poller) wait()        {}
func (*poller) handle(*Loop) {}
