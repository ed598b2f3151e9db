package tcp_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// BenchmarkNewConnection is what a connection costs that comes, is answered once and goes: CPU time of the server alone, as its clients are
// another process.
func BenchmarkNewConnection(b *testing.B) {
	for _, k := range kinds(b) {
		b.Run(k.name, func(b *testing.B) {
			addr, _ := k.serve(b)
			before := spent(b)
			come(b, addr, k.config != nil, b.N)
			b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N), "server-µs/conn")
		})
	}
}

// BenchmarkIdleConnection is what a connection holds that has been answered once and then is idle: of Go's heap and stacks.
func BenchmarkIdleConnection(b *testing.B) {
	const clients = 1000
	for _, k := range kinds(b) {
		b.Run(k.name, func(b *testing.B) {
			addr, open := k.serve(b)
			come(b, addr, k.config != nil, clients) // what is made once is there
			for b.Loop() {
				open.Wait()
				before := inUse()
				come(b, addr, k.config != nil, clients, func() {
					b.ReportMetric(float64(inUse()-before)/1024/clients, "KiB/conn")
				})
			}
		})
	}
}

// kind is how clients connect.
type kind struct {
	name   string
	config *tls.Config // nil: without TLS
}

func kinds(b *testing.B) []kind {
	b.Helper()
	of := func(key crypto.Signer, err error) *tls.Config {
		if err != nil {
			b.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			b.Fatal(err)
		}
		return &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12,
		}
	}
	const bits = 2048
	ofECDSA, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ofRSA, err2 := rsa.GenerateKey(rand.Reader, bits)
	return []kind{{"without_TLS", nil}, {"ECDSA_P-256", of(ofECDSA, err)}, {"RSA_2048", of(ofRSA, err2)}}
}

// serve serves such clients until the benchmark ends. open counts those that are connected.
func (k *kind) serve(b *testing.B) (addr string, open *sync.WaitGroup) {
	b.Helper()
	open = &sync.WaitGroup{}
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := loop.New(func(reason any, stack []byte) { b.Errorf("panic: %v\n%s", reason, stack) })
	b.Cleanup(at.Close)
	server := tcp.New(tcp.Options{
		Log: slog.New(slog.DiscardHandler), Loops: []*loop.Loop{at},
		Open: func(_ int, _ session.Peer, c session.Conn) tcp.Session {
			open.Add(1)
			return &echo{conn: c, open: open}
		},
		TLS: func() (*tls.Config, bool) { return k.config, k.config != nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String(), open
}

// echo is a session that sends back what it gets.
type echo struct {
	conn session.Conn
	open *sync.WaitGroup
}

func (e *echo) Data(p []byte)                       { write(e.conn, p) }
func (e *echo) End()                                { e.conn.Close() }
func (*echo) Certified(_, _, _ string)              {}
func (*echo) Fill(func(p []byte) (n int)) (ok bool) { return false }
func (*echo) HungUp()                               {}
func (*echo) Congested(bool)                        {}
func (e *echo) Closed()                             { e.open.Done() }

// spent is the CPU time of this process.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// inUse is what lives on the heap, and stacks, in bytes.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// comersEnv has the binary of the tests be the clients, and says of which address.
const comersEnv = "HOST_TCP_COMERS"

// come has so many clients come, and go: one after the other, or all together after what is done while they are there.
func come(b *testing.B, addr string, encrypted bool, clients int, meanwhile ...func()) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "/proc/self/exe", strconv.FormatBool(encrypted), strconv.Itoa(clients), strconv.FormatBool(len(meanwhile) > 0))
	cmd.Env, cmd.Stderr = append(os.Environ(), comersEnv+"="+addr), os.Stderr
	input, err := cmd.StdinPipe()
	output, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	if !bufio.NewScanner(output).Scan() {
		b.Error("the clients have failed")
	}
	for _, do := range meanwhile {
		do()
	}
	if err := errors.Join(input.Close(), cmd.Wait()); err != nil {
		b.Fatal(err)
	}
}

// beComers is what that binary does: it connects, says when all have been answered, and hangs up when its input ends.
func beComers(addr string, args []string) error {
	encrypted, stay := args[0] == "true", args[2] == "true"
	clients, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for range clients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		if encrypted {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // who the server is costs its clients
		}
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			return err
		}
		if stay {
			defer c.Close()
		} else if err := c.Close(); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.WriteString("all\n"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
