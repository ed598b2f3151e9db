package load

import "context"

// runIdle has connections that have been greeted and then have nothing to do.
func runIdle(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	run := &frameRun{ctx: ctx}
	conns, _, err := run.connect(j, dial)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	elapsed, err := j.phases(ctx, nil, func(bool) { mark() })
	return Result{Seconds: elapsed.Seconds()}, err
}
