package health

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

const (
	// repeatInterval is how often the same is said of an outage that lasts, and changedInterval how often something else is.
	repeatInterval, changedInterval = 5 * time.Minute, 30 * time.Second
	// sayInterval is how often something else is said again.
	sayInterval = time.Minute
	// restless is how many outages are said one by one in a repeatInterval. Those that come then are counted.
	restless = 3
	// judgement is how long trouble has to last before it is said: until then it may turn out to be part of another, or nothing.
	judgement = 3 * time.Second
)

// outage is what has been said of the cluster's being away, guarded by the mutex.
type outage struct {
	said   time.Time // when something last was
	key    string    // what
	open   bool      // that it has begun was said
	window time.Time // in which outages are counted
	count  int
}

// sayGone says that the cluster is out of reach: when that begins, when the reason changes, and now and then. The mutex is held.
func (c *Cluster) sayGone(now time.Time, err error) {
	o := &c.outage
	key := c.key(err)
	gone := now.Sub(c.since)
	switch {
	case c.failures == 1 && c.counts(now):
		o.open = true
		c.write(slog.LevelWarn, "the cluster is out of reach; trying on", "error", c.words(err))
	case c.failures == 1 || now.Sub(o.said) < changedInterval || key == o.key && now.Sub(o.said) < repeatInterval:
		return
	default:
		o.open = true
		c.write(slog.LevelWarn, "the cluster is still out of reach", "for", gone.Round(time.Second), "failures", c.failures, "error", c.words(err))
	}
	o.said, o.key = now, key
}

// counts counts an outage, and reports whether it is to be said. The mutex is held.
func (c *Cluster) counts(now time.Time) bool {
	o := &c.outage
	if now.Sub(o.window) > repeatInterval {
		if more := o.count - restless; more > 0 {
			c.write(slog.LevelWarn, "the cluster came and went", "times", more, "in", repeatInterval)
		}
		o.window, o.count = now, 0
	}
	o.count++
	return o.count <= restless
}

// sayBack says that an outage is over, if its beginning was said. The mutex is held.
func (c *Cluster) sayBack(now time.Time) {
	o := &c.outage
	if c.state == Unreachable && o.open {
		c.write(slog.LevelInfo, "the cluster can be reached again", "after", now.Sub(c.since).Round(time.Millisecond))
	}
	o.open = false
}

// limit is what has been said of one thing.
type limit struct {
	said  time.Time
	times int // that it was not
}

// warn says something, unless it has been said of the same thing within sayInterval: then it is counted, and warn reports false. The
// mutex is held.
func (c *Cluster) warn(text, of string, attrs ...any) bool {
	key, now := text+" "+of, time.Now()
	l := c.limits[key]
	switch {
	case l == nil:
		c.forgetLimits(now)
		l = &limit{}
		c.limits[key] = l
	case now.Sub(l.said) < sayInterval:
		l.times++
		return false
	case l.times > 0:
		attrs = append(attrs, "times", l.times)
	}
	*l = limit{said: now}
	c.write(slog.LevelWarn, text, attrs...)
	return true
}

// forgetLimits makes room when much has been said, of brokers that come and go. The mutex is held.
func (c *Cluster) forgetLimits(now time.Time) {
	const many = 100
	if len(c.limits) >= many {
		maps.DeleteFunc(c.limits, func(_ string, l *limit) bool { return now.Sub(l.said) >= sayInterval })
	}
}

// write has a line logged when the mutex is free. The mutex is held.
func (c *Cluster) write(level slog.Level, text string, attrs ...any) {
	c.later(func() { c.log.Log(context.Background(), level, text, attrs...) })
}

// judge calls f, with the mutex held, when trouble has lasted, if the cluster is watched until then. The mutex is held.
func (c *Cluster) judge(f func()) {
	m := c.monitor
	if m == nil {
		return
	}
	time.AfterFunc(judgement, func() {
		c.panics.Guard("health", func() {
			c.locked(func() {
				if c.monitor == m {
					f()
				}
			})
		})
	})
}
