package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// hostFaults are those of the programs that the mesh runs in.
func hostFaults() []fault {
	again := func(name string, times int, do func(context.Context, *hosts) error) fault {
		return fault{name: name, path: true, happen: func(ctx context.Context, t *trial) error {
			for range times {
				young := t.young(ctx)
				if err := errors.Join(do(ctx, t.hosts), young()); err != nil {
					return err
				}
				t.note("done")
				t.acknowledged(ctx, 300, soon, nil)
			}
			return nil
		}}
	}
	return []fault{
		again("envoy killed", 2, func(ctx context.Context, h *hosts) error { return h.kill(ctx) }),
		again("envoy hot-restarted", 2, func(ctx context.Context, h *hosts) error { return h.succeed(ctx) }),
		again("listener updated", 5, func(_ context.Context, h *hosts) error { return h.update() }),
		again("clients move", 6, func(_ context.Context, h *hosts) error { h.swap(); return nil }),
		{name: "descriptors exhausted", path: true, happen: func(ctx context.Context, t *trial) error {
			return during(ctx, t, t.hosts.exhaust, t.hosts.refill)
		}},
		{name: "memory exhausted", path: true, happen: exhaustMemory},
	}
}

// counts is what Envoy counts of the first cluster, those of its numbers that are not zero.
func (h *hosts) counts(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := stack.Page(ctx, http.MethodGet, "http://"+h.envoy.Admin()+"/stats?usedonly&filter=cluster.c1")
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", ", ")
}

// sizes is what the hosts' processes hold.
func (h *hosts) sizes() string {
	var out []string
	for name, p := range map[string]*stack.Process{"envoy": h.envoy.Process, "plain": h.plain.Process} {
		rss, err := p.RSS()
		if err != nil {
			return err.Error()
		}
		open, err := p.Descriptors()
		if err != nil {
			return err.Error()
		}
		out = append(out, fmt.Sprintf("%s %d holds %d MiB and %d descriptors", name, p.Pid(), rss>>20, open))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// swap has clients move to the other host.
func (h *hosts) swap() {
	h.moved = !h.moved
	if h.moved {
		h.front.aim(h.second)
	} else {
		h.front.aim(h.addr)
	}
	h.front.reset()
}

// exhaust leaves Envoy fewer descriptors than it has, and has all clients connect again.
func (h *hosts) exhaust() error {
	open, err := h.envoy.Descriptors()
	if err != nil {
		return err
	}
	if err := unix.Prlimit(h.envoy.Pid(), unix.RLIMIT_NOFILE, nil, &h.limit); err != nil {
		return err
	}
	few := h.limit
	few.Cur = uint64(max(open-12, 1))
	h.front.reset()
	return unix.Prlimit(h.envoy.Pid(), unix.RLIMIT_NOFILE, &few, nil)
}

func (h *hosts) refill() error { return unix.Prlimit(h.envoy.Pid(), unix.RLIMIT_NOFILE, &h.limit, nil) }
