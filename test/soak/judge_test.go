package soak

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	warmUp      = 8                // the first eighth
	leastJudged = 10 * time.Minute // shorter runs show what they measured and judge none of it
)

// judge shows what was measured after the warm-up, and fails the test for what grew and for meshes that do not end as they should.
func (s *soak) judge() {
	var text strings.Builder
	begin := s.length / warmUp
	fmt.Fprintf(&text, "%s of load, samples after the first %s; the slope is that of Theil and Sen\n", s.length, begin.Round(time.Second))
	for _, m := range s.meshes {
		fmt.Fprintf(&text, "\n%s\n\n| | begin | end | least | most | slope per hour | growth of the run | bound |\n|---|---|---|---|---|---|---|---|\n", m.name)
		for q, k := range measures {
			points := After(m.points[q], begin)
			if len(points) == 0 {
				s.t.Fatalf("%s: no sample of %s after the warm-up", m.name, k.name)
			}
			trend := TrendOf(points)
			fmt.Fprintf(&text, "| %s | %.4g | %.4g | %.4g | %.4g | %+.3g | %+.3g | %.4g |\n", k.name, trend.Begin/k.unit, trend.End/k.unit,
				trend.Least/k.unit, trend.Most/k.unit, trend.Slope/k.unit, trend.Grown/k.unit, k.bound/k.unit)
			if trend.Grown > k.bound && s.judged(quantity(q)) {
				s.t.Errorf("%s: %s grew by %.4g in the run, want at most %.4g", m.name, k.name, trend.Grown/k.unit, k.bound/k.unit)
			}
		}
	}
	fmt.Fprintf(&text, "\n%s\n", s.account())
	for _, w := range s.writers {
		if w.acknowledged[0].Load() == 0 {
			s.t.Errorf("%s: nothing was acknowledged", w.topic)
		}
	}
	for i, m := range s.meshes {
		fmt.Fprintf(&text, "\nVisitors of %s: %s.\n", m.name, s.visitors[i])
	}
	s.t.Logf("\n%s", &text)
	stack.Check(s.t, os.WriteFile(s.path+".md", []byte(text.String()), 0o644))
	for _, m := range s.meshes {
		s.end(m)
	}
}

// judged tells whether a quantity has a bound in this run. The race detector has memory of its own.
func (s *soak) judged(q quantity) bool {
	return s.length >= leastJudged && (q != resident || !s.race)
}

// account tells what was written and read.
func (s *soak) account() string {
	var told, read int64
	for _, w := range s.writers {
		for p := range w.acknowledged {
			told += w.acknowledged[p].Load()
		}
	}
	for _, r := range s.readers {
		read += r.count()
	}
	return fmt.Sprintf("%d records acknowledged, %d read, %d faults.", told, read, s.faults.count())
}

// end asks a mesh to end, and gives it the time that a busy machine needs.
func (s *soak) end(m *mesh) {
	_ = syscall.Kill(m.Pid(), syscall.SIGTERM) // it may have ended
	stack.Check(s.t, m.WaitEnd(s.t.Context()))
	if code := m.ExitCode(); code != 0 {
		s.t.Errorf("%s: exit code %d, want 0 (%d: races)", m.name, code, raceCode)
	}
	stack.WantNoAlarm(s.t, m.Process)
}
