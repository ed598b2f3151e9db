package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/churn"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	shortTime       = 8 * time.Second
	sampleEvery     = 10 * time.Second
	reportEvery     = time.Minute
	churnPartitions = 4
)

// TestSoak keeps the meshes at work for as long as it is told.
//
//nolint:paralleltest // its processes are watched
func TestSoak(t *testing.T) {
	name, s := "soak", &soak{t: t, length: shortTime, race: os.Getenv("SOAK_RACE") != ""}
	if s.race {
		name = "soak-race"
	}
	s.path = filepath.Join(t.TempDir(), name)
	if text := os.Getenv("SOAK_TIME"); text != "" {
		root, err := stack.Root()
		stack.Check(t, err)
		s.path = filepath.Join(root, "build", "out", name)
		s.length, err = time.ParseDuration(text)
		stack.Check(t, err)
	}
	s.apples, s.bananas = startKafka(t), startKafka(t)
	if !s.race {
		s.meshes = append(s.meshes, startEnvoy(t, s.apples.Addr(), s.bananas.Addr()))
	}
	s.meshes = append(s.meshes, startPlain(t, s.apples.Addr(), s.bananas.Addr(), s.race))
	s.record = openRecord(t, s.path+".tsv")
	s.faults = &faults{tell: t.Errorf, begin: time.Now()}
	s.populate()
	s.run()
	s.judge()
}

// soak is one run.
type soak struct {
	t               *testing.T
	path            string // of the files that it leaves, without their extensions
	length          time.Duration
	race            bool
	apples, bananas *stack.KafkaCluster
	meshes          []*mesh
	writers         []*writer
	readers         []*reader
	visitors        []*visitors // by mesh
	faults          *faults
	record          record
	used            time.Duration // processor time before the load
}

// populate makes topics and who uses them: for each mesh two writers to each cluster, and visitors.
func (s *soak) populate() {
	s.populateCluster(s.apples, "apples")
	s.populateCluster(s.bananas, "bananas")
	const topic = "apples-churn"
	stack.CreateTopics(s.t, s.apples.Addr(), stack.TopicOptions{Partitions: churnPartitions}, topic)
	batch := wiretest.Batch{Records: wiretest.Records(20, 50)}.Bytes()
	for _, m := range s.meshes {
		s.visitors = append(s.visitors, &visitors{addr: m.addr, churn: churn.New(m.addr, topic, churnPartitions, batch), faults: s.faults})
	}
}

func (s *soak) populateCluster(cluster *stack.KafkaCluster, prefix string) {
	var writers []*writer
	var topics []string
	for _, m := range s.meshes {
		for n := range 2 {
			w := &writer{addr: m.addr, topic: fmt.Sprintf("%s-%s-%d", prefix, strings.ToLower(m.name), n), faults: s.faults}
			writers, topics = append(writers, w), append(topics, w.topic)
		}
	}
	stack.CreateTopics(s.t, cluster.Addr(), stack.TopicOptions{Partitions: partitions}, topics...)
	r, err := newReader(cluster.Addr(), writers, s.faults)
	stack.Check(s.t, err)
	s.writers, s.readers = append(s.writers, writers...), append(s.readers, r)
}

// run keeps the load up and takes samples until the time is over or a mesh has ended.
func (s *soak) run() {
	var load, reading sync.WaitGroup
	var err error
	s.used, err = s.processorTime()
	stack.Check(s.t, err)
	s.faults.begin = time.Now()
	loading, endLoad := context.WithTimeout(s.t.Context(), s.length)
	defer endLoad()
	readCtx, endReading := context.WithCancel(s.t.Context())
	defer reading.Wait()
	defer endReading()
	for _, r := range s.readers {
		reading.Go(func() { r.run(readCtx) })
	}
	for _, w := range s.writers {
		load.Go(func() { w.run(loading) })
	}
	for _, v := range s.visitors {
		load.Go(func() { v.run(loading) })
	}
	s.watch(loading, endLoad)
	load.Wait()
	for _, r := range s.readers {
		if err := r.awaitAll(readCtx); err != nil {
			s.faults.add("%v", err)
		}
	}
}

// watch takes samples until ctx ends, and ends it when a mesh has ended.
func (s *soak) watch(ctx context.Context, end func()) {
	every := time.NewTicker(min(sampleEvery, s.length/4))
	defer every.Stop()
	var told time.Time
	for taken := 0; ; taken++ {
		select {
		case <-every.C:
		case <-ctx.Done():
			if taken > 1 {
				return
			}
			<-every.C // on a busy machine the shortest run is over before samples were taken
		}
		tell := time.Since(told) >= reportEvery
		for _, m := range s.meshes {
			if !s.sample(m, tell) {
				end()
				return
			}
		}
		if tell {
			told = time.Now()
			s.tellProgress()
		}
	}
}

// sample looks at a mesh, if it lives.
func (s *soak) sample(m *mesh, tell bool) (alive bool) {
	select {
	case <-m.Done():
		s.faults.add("%s has ended: %s", m.name, m.Ending())
		return false
	default:
	}
	taken, err := take(s.t.Context(), m.Pid(), m.profiles)
	at := time.Since(s.faults.begin)
	if err == nil {
		m.keep(at, taken)
		err = s.record.add(at, m.name, taken)
	}
	if err != nil {
		s.faults.add("sample of %s: %v", m.name, err)
	}
	if tell {
		s.t.Logf("%s: %s", m.name, taken)
	}
	return true
}

// tellProgress tells what has been done so far.
func (s *soak) tellProgress() {
	used, err := s.processorTime()
	if err != nil {
		s.t.Log(err)
	}
	since := time.Since(s.faults.begin)
	s.t.Logf("%s: %s %.0f %% of a processor", since.Round(time.Second), s.account(), 100*(used-s.used).Seconds()/since.Seconds())
}

// processorTime is what all processes of the run have used.
func (s *soak) processorTime() (total time.Duration, err error) {
	pids := []int{os.Getpid(), s.apples.Pid(), s.bananas.Pid()}
	for _, m := range s.meshes {
		pids = append(pids, m.Pid())
	}
	for _, pid := range pids {
		used, err := processorTime(pid)
		if err != nil {
			return total, err
		}
		total += used
	}
	return total, nil
}
