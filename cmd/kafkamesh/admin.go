package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/admin"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

const (
	// adminDefault is where the admin listener is unless the configuration or a flag says otherwise: for this machine alone.
	adminDefault = demo.PageAddr
	// adminOff is what the flag says for none.
	adminOff = "off"
)

// adminListener shows a server's meshes to who runs it.
type adminListener struct {
	log   *slog.Logger
	flag  string // empty: it was not given
	board *admin.Board
	http  *admin.Server

	listener net.Listener // nil: there is none
	address  string       // that was asked for
}

// newAdmin returns one that listens on nothing yet.
func newAdmin(s *server, flag string) *adminListener {
	a := &adminListener{log: s.log, flag: flag, board: admin.NewBoard("kafkamesh serve", s.log)}
	a.http = admin.New(a.board, admin.Options{
		Log: s.log, Level: &s.logging.level, Process: true,
		Profiles: func() bool {
			m := s.current.Load()
			return m != nil && m.config.Admin != nil && m.config.Admin.Pprof
		},
	})
	return a
}

// wanted is the address that a configuration has the listener at, and whether somebody has written it down. Empty: nowhere.
func (a *adminListener) wanted(c *config.Config) (address string, written bool) {
	switch {
	case a.flag == adminOff:
		return "", true
	case a.flag != "":
		return a.flag, true
	case c.Admin != nil:
		return c.Admin.Address, true
	default:
		return adminDefault, false
	}
}

// move has the listener where a configuration says. That an address cannot be had is an error if somebody has written it down, and only a
// warning of the default one. With an error the listener stays where it is.
func (a *adminListener) move(ctx context.Context, c *config.Config) error {
	address, written := a.wanted(c)
	if address == a.address {
		return nil
	}
	var l net.Listener
	if address != "" {
		var err error
		if l, err = listenAdmin(ctx, address); errors.Is(err, syscall.EADDRINUSE) && a.listener != nil && port(a.address) == port(address) {
			l, err = a.swap(ctx, address)
		}
		if err != nil && written {
			return fmt.Errorf("admin: %w; choose another address, or have none with --admin off", err)
		}
		if err != nil {
			a.log.Warn("there is no admin listener: its default address cannot be had; choose one with --admin, or have none with --admin off", "error", err)
			return nil
		}
		a.http.Serve(l)
		a.log.Info("admin", "address", l.Addr(), "page", "http://"+l.Addr().String()+"/")
	}
	if a.listener != nil {
		_ = a.listener.Close() // who is being answered is
	}
	a.listener, a.address = l, address
	return nil
}

// swap listens at another address of the same port, which may have to be given up first. With an error it listens where it was.
func (a *adminListener) swap(ctx context.Context, address string) (net.Listener, error) {
	_ = a.listener.Close()
	a.listener = nil
	l, err := listenAdmin(ctx, address)
	if err == nil {
		return l, nil
	}
	if before, again := listenAdmin(ctx, a.address); again == nil {
		a.listener = before
		a.http.Serve(before)
	}
	return nil, err
}

func listenAdmin(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// port is that of an address.
func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// close ends the listener.
func (a *adminListener) close() {
	a.http.Close()
	a.board.Close()
}
