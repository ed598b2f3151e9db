package chaos

import (
	"context"
	"time"
)

// networkFaults are those of connections: between mesh and brokers, which the direct producers go through too, and between
// clients and mesh.
func networkFaults() []fault {
	var out []fault
	for _, where := range []struct {
		name    string
		proxies func(*trial) []*proxy
	}{
		{"brokers", func(t *trial) []*proxy { return t.outside["c1"] }},
		{"clients", func(t *trial) []*proxy { return []*proxy{t.front} }},
	} {
		add := func(name string, begin, end func(*proxy)) {
			out = append(out, fault{name: where.name + " " + name, path: true, happen: func(ctx context.Context, t *trial) error {
				all := func(do func(*proxy)) func() error {
					return func() error {
						for _, p := range where.proxies(t) {
							do(p)
						}
						return nil
					}
				}
				return during(ctx, t, all(begin), all(end))
			}})
		}
		add("reset", (*proxy).reset, (*proxy).reset)
		add("half-closed", func(p *proxy) { p.halfClose(true) }, func(p *proxy) { p.halfClose(false) })
		add("black hole", func(p *proxy) { p.set(weather{hole: true}) }, (*proxy).calm)
		for _, w := range weathers {
			add(w.name, func(p *proxy) { p.set(w.weather) }, (*proxy).calm)
		}
		out = append(out, stepwise(where.name, where.proxies))
	}
	return out
}

// weathers let everything through, later.
var weathers = []struct {
	name    string
	weather weather
}{
	{"delayed", weather{delay: 50 * time.Millisecond}},
	{"lossy", weather{stall: 300 * time.Millisecond}},
	{"narrow", weather{rate: 64 << 10}},
	{"one byte at a time", weather{piece: 1}},
}

// stepwise resets connections again and again, each time when a part of an answer may have come.
func stepwise(where string, proxies func(*trial) []*proxy) fault {
	return fault{name: where + " reset often", path: true, happen: func(ctx context.Context, t *trial) error {
		const resets = 10
		young := t.young(ctx)
		err := young()
		for range resets {
			all := proxies(t)
			all[t.intN(len(all))].reset()
			t.acknowledged(ctx, 50, soon, nil)
		}
		return err
	}}
}
