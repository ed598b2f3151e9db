package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Free ports are looked for below those that the kernel hands to outgoing connections (32768 and up), so that a client of
// a test cannot take one between its choice and its use, and above those that the demo names.
const (
	firstPort = 20000
	lastPort  = 32000
)

// held keeps the ports that FreePort has given out: each has a file that is locked until this process ends, so that no other
// process of ours is given it, whether or not somebody listens on it yet.
//
//nolint:gochecknoglobals // the ports are the machine's, and the locks this process's
var held struct {
	sync.Mutex
	files []*os.File // never closed
}

// FreePort finds a TCP port of 127.0.0.1 that nobody listens on, and keeps it for this process until it ends.
func FreePort() (int, error) {
	held.Lock()
	defer held.Unlock()
	var err error
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if err = hold(port); err != nil {
			continue
		}
		if err = Listenable(Local(port)); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}

// FreeAddr is the address of such a port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return Local(port), err
}

// hold locks a port's file. It fails if this process or another has locked it.
func hold(port int) error {
	dir := filepath.Join(os.TempDir(), "kafkamesh-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(err, file.Close())
	}
	held.files = append(held.files, file)
	return nil
}

// Listenable says why addr cannot be listened on, or nil.
func Listenable(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// Local is the address of a port on this machine.
func Local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func portOr(port int) (int, error) {
	if port != 0 {
		return port, nil
	}
	return FreePort()
}

func splitPort(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	return host, port, err
}
