package chaos

import (
	"context"
	"errors"
	"slices"
)

func groupFaults() []fault {
	return []fault{
		{name: "coordinators move", happen: func(ctx context.Context, t *trial) error {
			const moves = 4
			for range moves {
				if err := t.prefer(ctx, offsetsTopic); err != nil {
					return err
				}
				if err := t.admin["c1"].Elect(ctx, []int32{0, 1, 2}, offsetsTopic); err != nil {
					return err
				}
				t.note("elected")
				t.given(ctx, step)
			}
			return nil
		}},
		{name: "members come and go", alone: true, happen: func(ctx context.Context, t *trial) error {
			const times = 3
			for n := range times {
				err := t.visit(ctx, n)
				t.note("a member of each group has come and gone")
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// given waits until the groups through the mesh have been given so many records more in all, or no longer than soon.
func (t *trial) given(ctx context.Context, more int) {
	total := func() (n int) {
		for _, g := range t.groups {
			for _, tp := range g.topics {
				n += g.count(tp.name)
			}
		}
		return n
	}
	from := total()
	t.until(ctx, soon, func() bool { return total() >= from+more })
}

// visit has another member of each group join, read and leave.
func (t *trial) visit(ctx context.Context, n int) error {
	var errs []error
	guests := make([]*member, 0, len(t.groups))
	for _, g := range t.groups {
		m := g.join(crew + n + 1)
		guests = append(guests, m)
		if err := t.enter(m); err != nil {
			errs = append(errs, err)
		}
	}
	t.until(ctx, patience, func() bool { return !slices.ContainsFunc(t.groups, func(g *group) bool { return !g.stable() }) })
	t.given(ctx, step)
	for _, m := range guests {
		errs = append(errs, t.leave(m))
	}
	for _, m := range guests {
		errs = append(errs, m.gone(ctx))
	}
	return errors.Join(errs...)
}
