package chaos

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const recordSize = 500 // the letters of a record

// spec is what a producer is to be.
type spec struct {
	name       string // of one word
	kind       string // what producers have in common that differ in nothing but where they write
	library    string // java, confluent-kafka, kafka-python or franz-go
	acks       string // all, 1 or 0
	idempotent bool
	direct     bool // beside the mesh, for comparison
	cluster    string
	topic      string
	partitions int32
	count      int // of records for each partition, or 0: until it is stopped
}

// account is what a producer was told. Its methods may be called from any goroutine.
type account struct {
	spec

	ready, ended chan struct{} // closed by readied and ends

	mu      sync.Mutex
	started bool
	told    [][]ledger.Told // by partition and number
	sent    int
	acked   int
	failed  int
	reasons map[string]int
}

func newAccount(s spec) *account {
	return &account{
		spec: s, ready: make(chan struct{}), ended: make(chan struct{}), told: make([][]ledger.Told, s.partitions),
		reasons: map[string]int{},
	}
}

// writer is the name of what the producer writes to one partition.
func (s spec) writer(partition int32) string { return fmt.Sprintf("%s %d", s.name, partition) }

// value is the record of a number.
func (s spec) value(partition int32, number int) []byte {
	start := fmt.Sprintf("%s %d %d ", s.name, partition, number)
	return append([]byte(start), bytes.Repeat([]byte{byte('a' + number%26)}, recordSize)...)
}

// sum is of what the programs tell of a record that they are given, too.
func sum(value []byte) uint64 {
	return uint64(crc32.ChecksumIEEE(value))
}

func (a *account) acknowledge(partition int32, number int, offset int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acked++
	a.grow(partition, number+1)
	a.told[partition][number].Outcome, a.told[partition][number].Offset = ledger.Acknowledged, offset
}

func (a *account) fail(partition int32, number int, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed++
	a.reasons[reason]++
	a.grow(partition, number+1)
	a.told[partition][number].Outcome = ledger.Abandoned
}

// grow has the records of a partition be at least so many.
func (a *account) grow(partition int32, least int) {
	for len(a.told[partition]) < least {
		a.told[partition] = append(a.told[partition], ledger.Told{})
	}
}

// counts is how many records were sent, acknowledged and failed.
func (a *account) counts() (sent, acked, failed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent, a.acked, a.failed
}

// stuck reports whether the producer will never send again, whatever happens: kafka-python 3.0.12 forgets its producer id when it gives up
// a record that it has sent, and asks for another in the state of its beginning only.
func (a *account) stuck() bool {
	_, _, failed := a.counts()
	return a.library == "kafka-python" && a.idempotent && failed > 0
}

// writers are what the ledger compares.
func (a *account) writers() []ledger.Writer {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]ledger.Writer, 0, len(a.told))
	for p, told := range a.told {
		for n := range told {
			told[n].Sum = sum(a.value(int32(p), n))
		}
		out = append(out, ledger.Writer{
			Name: a.writer(int32(p)), Place: ledger.Place{Cluster: a.cluster, Topic: a.topic, Partition: int32(p)}, Told: told,
		})
	}
	return out
}

// hear takes one line of a client program.
func (a *account) hear(line string) error {
	words := strings.SplitN(line, " ", 5)
	numbers := make([]int, 0, 3)
	for _, w := range words[2:] {
		n, err := strconv.Atoi(w)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
	}
	switch kind := words[0]; {
	case kind == "R":
		close(a.ready)
	case kind == "F":
		close(a.ended)
	case kind == "S" && len(numbers) == 1:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sent = numbers[0]
	case kind == "D" && len(numbers) == 2:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.grow(int32(numbers[0]), numbers[1])
	case kind == "A" && len(numbers) == 3:
		a.acknowledge(int32(numbers[0]), numbers[1], int64(numbers[2]))
	case kind == "E" && len(numbers) >= 2 && len(words) == 5:
		a.fail(int32(numbers[0]), numbers[1], words[4])
	default:
		return fmt.Errorf("not understood: %q", line)
	}
	return nil
}

// found is a record of a log, as the ledger has it.
func found(r *kgo.Record) ledger.Found {
	f := ledger.Found{Offset: r.Offset, Number: -1, Sum: sum(r.Value)}
	if r.ProducerID >= 0 {
		f.Under = fmt.Sprintf("producer %d, epoch %d", r.ProducerID, r.ProducerEpoch)
	}
	words := strings.SplitN(string(r.Value), " ", 4)
	if len(words) < 4 {
		return f
	}
	if n, err := strconv.Atoi(words[2]); err == nil {
		f.Writer, f.Number = words[0]+" "+words[1], n
	}
	return f
}
