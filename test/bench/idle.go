package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// idleness is what connections without anything to do cost a proxy: its memory with a few of them and with many, and its work with many.
type idleness struct {
	Few, Many memory
	Seconds   float64 // for which it was watched with many
	CPU       float64 // seconds in that time
	Broker    float64 `json:",omitempty"` // the clusters' CPU, seconds in that time
	Sleeps    int64   // how often a thread of it fell asleep in that time, and so how often one was woken
}

// memory is what a proxy has with a number of clients, in bytes.
type memory struct {
	Clients  int
	Resident int64
	Heap     int64 `json:",omitempty"` // what lives on Go's heap, and stacks; of ours only
	Upstream int   `json:",omitempty"` // connections to the clusters
}

const (
	fewIdle = 1_000
	// mostIdle is how many idle clients there are, where the limit of descriptors allows it: a proxy has two for each.
	mostIdle         = 10_000
	otherDescriptors = 500
)

// manyIdle is how many idle clients there are here.
func manyIdle() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return idleWithin(limit.Max)
}

// idleWithin is how many a number of descriptors is enough for.
func idleWithin(descriptors uint64) int {
	return max(0, int(min(2*mostIdle+otherDescriptors, descriptors))-otherDescriptors) / 2
}

// raiseDescriptors lets this process, and all that it starts, have as many descriptors as it may.
func raiseDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// idle measures what idle connections cost. Traffic comes first, so that what a proxy keeps for it, and the garbage that it lets lie, are there
// before anything is counted.
func (s *scenario) idle(ctx context.Context, r *running, c *clusters) (sample, error) {
	if len(r.processes) == 0 && !s.reads() { // no proxy
		return sample{}, nil
	}
	warm := *s
	warm.Job = frames(256, single, 1, s.Job.Partitions)
	warm.Job.WarmUp, warm.Job.Measure = s.Job.WarmUp, 3*s.Job.Measure
	if _, err := warm.round(ctx, r, c); err != nil {
		return sample{}, err
	}
	i := &idleness{}
	few, err := s.connect(ctx, r, s.Few)
	if err != nil {
		return sample{}, err
	}
	defer few.kill()
	if i.Few, err = r.memory(ctx, c, s.Few); err != nil {
		return sample{}, err
	}
	rest, err := s.connect(ctx, r, s.Job.Clients-s.Few)
	if err != nil {
		return sample{}, err
	}
	defer rest.kill()
	if i.Many, err = r.memory(ctx, c, s.Job.Clients); err != nil {
		return sample{}, err
	}
	if err := i.watch(ctx, r, c, idleTimes*s.Job.Measure); err != nil {
		return sample{}, err
	}
	return sample{Idle: i}, errors.Join(few.end(), rest.end())
}

// idleTimes is for how many times as long as a round idle clients are watched: little happens.
const idleTimes = 15

// connect returns when clients are connected and the proxy has had time to rest.
func (s *scenario) connect(ctx context.Context, r *running, clients int) (*clientProcess, error) {
	job := addressed(s.Job, r)
	job.Clients, job.WarmUp, job.Measure = clients, s.Job.Measure, 0
	p, err := startClients(ctx, job)
	if err != nil {
		return nil, err
	}
	return p, p.awaitMark()
}

// watch counts what the processes of a way do for a while.
func (i *idleness) watch(ctx context.Context, r *running, c *clusters, span time.Duration) error {
	var then []map[string]int64
	for _, p := range r.processes {
		then = append(then, sleepsOf(p.Pid()))
	}
	cpu, broker, start := cpuOfAll(r.processes), cpuOfAll(c.processes), time.Now()
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return ctx.Err()
	}
	i.CPU, i.Seconds = cpuOfAll(r.processes)-cpu, time.Since(start).Seconds()
	i.Broker = cpuOfAll(c.processes) - broker
	for n, p := range r.processes {
		i.Sleeps += sleepsSince(then[n], sleepsOf(p.Pid()))
	}
	return nil
}

// memory is what the processes of a way have now. Resident memory comes first: to know what lives on the heap, the garbage is collected.
func (r *running) memory(ctx context.Context, c *clusters, clients int) (memory, error) {
	m := memory{Clients: clients, Upstream: connectionsTo(c.addrs)}
	for _, p := range r.processes {
		m.Resident += residentOf(p.Pid())
	}
	if r.profiles == "" {
		return m, nil
	}
	text, err := stack.Page(ctx, http.MethodGet, "http://"+r.profiles+"/debug/pprof/heap?debug=1&gc=1")
	if err != nil {
		return m, err
	}
	m.Heap, err = heapIn(text)
	return m, err
}

// heapIn is what Go's heap profile says that is in use, on the heap and for stacks.
func heapIn(profile string) (int64, error) {
	heap, ok := numberIn(profile, "# HeapAlloc = ")
	stacks, ok2 := numberIn(profile, "# Stack = ")
	if !ok || !ok2 {
		return 0, errors.New("a heap profile without HeapAlloc or Stack")
	}
	return heap + stacks, nil
}

// slopeKiB is by how many KiB a figure of the memory grew for each client more.
func (i *idleness) slopeKiB(of func(memory) int64) float64 {
	return float64(of(i.Many)-of(i.Few)) / 1024 / float64(i.Many.Clients-i.Few.Clients)
}
