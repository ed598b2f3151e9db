package main

import (
	"context"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// sample is what one round on one way showed.
type sample struct {
	load.Result

	ClientCPU, ProxyCPU, BrokerCPU float64 // seconds in the time measured
	ProxyPeak                      int64   // bytes, resident, since the round began
	ProxyBefore                    int64   // bytes, resident, when the round began

	Beside *load.Result `json:",omitempty"` // of the clients beside: from before the time measured to its end
	Idle   *idleness    `json:",omitempty"`
}

// round has the clients of a scenario do their job.
func (s *scenario) round(ctx context.Context, r *running, c *clusters) (sample, error) {
	var got sample
	for _, p := range r.processes {
		forgetPeak(p.Pid())
		got.ProxyBefore += peakOf(p.Pid())
	}
	var all []*clientProcess
	defer func() {
		for _, p := range all {
			p.kill()
		}
	}()
	if s.Beside != nil {
		beside, err := s.startBeside(ctx, r)
		if err != nil {
			return sample{}, err
		}
		all = append(all, beside)
	}
	clients, err := startClients(ctx, addressed(s.Job, r))
	if err != nil {
		return sample{}, err
	}
	all = append(all, clients)
	if err := clients.awaitMark(); err != nil {
		return sample{}, err
	}
	begin := usageOf(all, r, c)
	if err := clients.awaitMark(); err != nil {
		return sample{}, err
	}
	end := usageOf(all, r, c)
	if s.Beside != nil {
		if got.Beside, err = endBeside(all[0]); err != nil {
			return sample{}, err
		}
	}
	if got.Result, err = clients.result(); err != nil {
		return sample{}, err
	}
	got.ClientCPU, got.ProxyCPU, got.BrokerCPU = end.client-begin.client, end.proxy-begin.proxy, end.broker-begin.broker
	for _, p := range r.processes {
		got.ProxyPeak += peakOf(p.Pid())
	}
	return got, nil
}

// startBeside returns when the clients beside are at work.
func (s *scenario) startBeside(ctx context.Context, r *running) (*clientProcess, error) {
	job := addressed(*s.Beside, r)
	job.WarmUp, job.Measure = s.Job.WarmUp, 0
	p, err := startClients(ctx, job)
	if err != nil {
		return nil, err
	}
	return p, p.awaitMark()
}

func endBeside(p *clientProcess) (*load.Result, error) {
	if err := p.end(); err != nil {
		return nil, err
	}
	result, err := p.result()
	return &result, err
}

// addressed is a job that goes a way.
func addressed(job load.Job, r *running) *load.Job {
	job.To, job.CA, job.Sessions, job.LogsIn = r.to, r.ca, job.Sessions && !r.full, job.LogsIn && r.logsIn
	return &job
}

// usage is the CPU time, in seconds, that each side has taken since it was started.
type usage struct{ client, proxy, broker float64 }

func usageOf(clients []*clientProcess, r *running, c *clusters) (u usage) {
	for _, p := range clients {
		u.client += p.cpu()
	}
	u.proxy, u.broker = cpuOfAll(r.processes), cpuOfAll(c.processes)
	return u
}

func cpuOfAll(processes []*stack.Process) (seconds float64) {
	for _, p := range processes {
		seconds += cpuOf(p.Pid())
	}
	return seconds
}
