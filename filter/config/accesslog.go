package config

import (
	"os"
	"path/filepath"
	"time"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// AccessLog says which requests are written down: those that any of Failures, SlowerThan and Share has written. When none was given,
// Share is 1.
type AccessLog struct {
	// Path is the file that lines are appended to, or a device such as /dev/stderr. Empty: only Envoy's own access log is told.
	Path string
	// Failures has requests written of which a part at least was answered with an error.
	Failures bool
	// SlowerThan has requests written whose answer took longer. 0: none for that.
	SlowerThan time.Duration
	// Share is how many of all requests are written, from 0, none for that, to 1, all.
	Share float64
}

// accessLog checks access_log and fills c.AccessLog.
func (c *Config) accessLog(bad *mistakes, m *kafkameshv1.AccessLog) {
	if m == nil {
		return
	}
	const at = "access_log"
	log := &AccessLog{Path: m.GetPath(), Failures: m.GetFailures(), Share: m.GetShare()}
	c.AccessLog = log
	checkLogFile(bad, join(at, "path"), log.Path)
	if m.SlowerThanMs != nil && m.GetSlowerThanMs() < 1 {
		bad.add(join(at, "slower_than_ms"), "%d is not allowed; write a number from 1 on, or remove it", m.GetSlowerThanMs())
	}
	log.SlowerThan = time.Duration(m.GetSlowerThanMs()) * time.Millisecond
	if share := join(at, "share"); !(log.Share >= 0 && log.Share <= 1) { // what is no number is refused, too
		bad.add(share, "%v is not allowed; write a number from 0 to 1, 0.01 for one in a hundred, or remove it", log.Share)
	}
	switch {
	case log.Path == "" && (log.Failures || m.SlowerThanMs != nil || m.Share != nil):
		c.warn(join(at, "path"), "missing; nothing is written, and failures, slower_than_ms and share have no effect")
	case m.SlowerThanMs == nil && m.Share == nil && !log.Failures:
		log.Share = 1
	case m.SlowerThanMs == nil && log.Share == 0 && !log.Failures:
		c.warn(join(at, "share"), "no request is ever written; remove it for all, or write failures: true or slower_than_ms beside it")
	case log.Share == 1 && (m.SlowerThanMs != nil || log.Failures):
		c.warn(join(at, "share"), "every request is written for it, so that failures and slower_than_ms have no effect")
	}
}

// checkLogFile checks that path can be a file to append to.
func checkLogFile(bad *mistakes, at, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		bad.add(at, "%s is a folder; write a file in it", quote(path))
	} else if info, err := os.Stat(filepath.Dir(path)); os.IsNotExist(err) {
		bad.add(at, "there is no folder %s; make it, or write another file", quote(filepath.Dir(path)))
	} else if err == nil && !info.IsDir() {
		bad.add(at, "%s is no folder; write another file", quote(filepath.Dir(path)))
	}
}
