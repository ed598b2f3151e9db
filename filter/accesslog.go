package filter

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
)

// openAccessLog opens the file of the access log, if there is one.
func (f *Filter) openAccessLog() error {
	c := f.config.AccessLog
	if c == nil {
		return nil
	}
	if c.Path == "" {
		if !f.options.TellsHost {
			f.options.Log.Warn("access_log without a path: nothing is written, because only stock Envoy has an access log of its own")
		}
		return nil
	}
	logs := f.options.AccessLogs
	if logs == nil {
		logs = new(accesslog.Writers)
	}
	var err error
	f.accessLog, err = logs.Open(c.Path, accesslog.Options{
		Choice:  accesslog.Choice{Failures: c.Failures, SlowerThan: c.SlowerThan, Share: c.Share},
		Written: f.options.Stats.AccessLogWritten, Dropped: f.options.Stats.AccessLogDropped,
	}, f.options.Log)
	if err != nil {
		return fmt.Errorf("access_log.path: %w", err)
	}
	return nil
}

// Flush waits until the access log has all requests that were answered before, for a second at most.
func (f *Filter) Flush() { f.accessLog.Flush() }
