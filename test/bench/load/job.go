package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Job is what clients do for a while.
type Job struct {
	// To is where requests go, in turn: a topic of each cluster.
	To []Destination
	// CA is a PEM file; with it connections are TLS.
	CA string
	// LogsIn has connections begin with a login of User.
	LogsIn bool `json:",omitempty"`
	// Client is one of the kinds below.
	Client string
	// Clients is how many producers or consumers there are.
	Clients int
	// BatchBytes is the size of a record batch, about; RecordBytes that of a record's value.
	BatchBytes, RecordBytes int
	// Codec is a compression codec's name; Franz only.
	Codec string
	// Acks is 1 or −1. Franz producers are idempotent with −1, Frames never are.
	Acks int16
	// Partitions is how many each topic has.
	Partitions int32
	// InFlight is how many requests a connection has without an answer; Frames only.
	InFlight int
	// Rate is how many requests all clients send in a second, whether answered or not; Frames, and the producer of Follows. 0: as fast as
	// answers come. Of Newcomers it is how many come in a second.
	Rate float64
	// FetchBytes is the size of an answer, at most, of Consumes; 0: 50 MiB, Java's default.
	FetchBytes int `json:",omitempty"`
	// Sessions has Consumes and Follows ask for a session (KIP-227).
	Sessions bool `json:",omitempty"`
	// WarmUp passes before Measure begins.
	WarmUp, Measure time.Duration
	// End ends what is measured in place of Measure, when it is closed.
	End <-chan struct{} `json:"-"`
}

// Destination is a topic, and the address that it is produced to, host:port. Requests go there whatever metadata says: clusters
// have one broker, and a plain TCP proxy cannot change what it is called. Destinations may share an address.
type Destination struct{ Addr, Topic string }

// Kinds of clients.
const (
	Franz  = "franz-go"
	Frames = "frames"
	Reads  = "reads" // consumers of a raw sink, which ask for one batch after another
	Idle   = "idle"  // they ask for versions and metadata, and then nothing
	// Consumes are consumers that read partitions from start to end, and again.
	Consumes = "consumers"
	// Follows are consumers that wait for what one producer sends.
	Follows = "followers"
	// Waits are consumers that wait for what nobody sends.
	Waits = "waiting consumers"
	// Members are consumers of franz-go that wait for what nobody sends, each in a group of its own.
	Members = "members of groups"
	// Newcomers connect, log in if they are to, ask for versions and hang up, at a rate.
	Newcomers = "newcomers"
)

// Result is what came of a job in the time measured.
type Result struct {
	Batches, Records, Bytes int64 // answered; Bytes is that of the records' values, before compression
	Seconds                 float64
	// Latencies in microseconds, from when a request was due to its answer, or until a consumer has its record; of a job with a Rate.
	P50, P90, P99, P999, Max float64 `json:",omitempty"`
}

// Run does a job. It calls mark when the warm-up is over, and when the time measured is.
func Run(ctx context.Context, j *Job, mark func()) (Result, error) {
	dial, err := j.Dialer()
	if err != nil {
		return Result{}, err
	}
	if j.LogsIn {
		dial = loggingIn(dial)
	}
	switch j.Client {
	case Franz:
		return runFranz(ctx, j, dial, mark)
	case Frames:
		return runFrames(ctx, j, dial, mark)
	case Reads:
		return runReads(ctx, j, dial, mark)
	case Idle:
		return runIdle(ctx, j, dial, mark)
	case Consumes:
		return runConsume(ctx, j, dial, mark)
	case Follows:
		return runFollow(ctx, j, dial, mark)
	case Waits:
		return runWait(ctx, j, dial, mark)
	case Members:
		return runMembers(ctx, j, dial, mark)
	case Newcomers:
		return runNewcomers(ctx, j, dial, mark)
	default:
		return Result{}, fmt.Errorf("no client %q", j.Client)
	}
}

// DialFunc connects to an address.
type DialFunc func(ctx context.Context, addr string) (net.Conn, error)

// Dialer connects with TLS if there is a CA.
func (j *Job) Dialer() (DialFunc, error) {
	if j.CA == "" {
		return func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}, nil
	}
	pem, err := os.ReadFile(j.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate", j.CA)
	}
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	return func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }, nil
}

// phases waits for the warm-up and for the end of what is measured, and calls mark after each. failed ends it early.
func (j *Job) phases(ctx context.Context, failed <-chan error, mark func(measuring bool)) (time.Duration, error) {
	wait := func(over <-chan struct{}) error {
		select {
		case <-over:
			return nil
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := wait(after(j.WarmUp)); err != nil {
		return 0, err
	}
	mark(true)
	start := time.Now()
	end := j.End
	if end == nil {
		end = after(j.Measure)
	}
	err := wait(end)
	elapsed := time.Since(start)
	mark(false)
	return elapsed, err
}

// after is closed when a time has passed.
func after(d time.Duration) <-chan struct{} {
	passed := make(chan struct{})
	time.AfterFunc(d, func() { close(passed) })
	return passed
}

// over tells the end of a connection that has been closed on purpose from a failure.
func over(ctx context.Context, err error) bool {
	return err == nil || ctx.Err() != nil && (errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled))
}
