// Package version says what a build is: its version and commit, and the Go and the sarama that it was made with.
package version

import (
	"cmp"
	"log/slog"
	"runtime/debug"
)

// What build/release.sh gives the linker with -X. Empty: Go's own word counts, which it takes from git.
//
//nolint:gochecknoglobals // the linker sets variables
var version, commit string

// unknown stands for what nobody says.
const unknown = "unknown"

// Info is what a build is. No field is empty.
type Info struct {
	Version string // v1.2.3, or whatever the builder called it
	Commit  string // of git
	Go      string // go1.26.0
	Sarama  string // the version of the Kafka client that dials and logs in
}

// Current is what this build is.
func Current() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return read(version, commit, build)
}

// Attrs is the same for a log.
func (i Info) Attrs() []any {
	return []any{slog.String("version", i.Version), slog.String("commit", i.Commit), slog.String("go", i.Go), slog.String("sarama", i.Sarama)}
}

// read prefers what the builder said to what Go has found out.
func read(version, commit string, build *debug.BuildInfo) Info {
	modified := ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = cmp.Or(commit, s.Value)
		case s.Key == "vcs.modified" && s.Value == "true" && version == "":
			modified = "+dirty"
		}
	}
	if commit != "" {
		commit += modified
	}
	main := build.Main.Version
	if main == "(devel)" { // so Go calls what is built outside of git
		main = "devel"
	}
	i := Info{
		Version: cmp.Or(version, main, unknown), Commit: cmp.Or(commit, unknown),
		Go: cmp.Or(build.GoVersion, unknown), Sarama: unknown,
	}
	for _, m := range build.Deps {
		if m.Path == "github.com/IBM/sarama" {
			if m.Replace != nil {
				m = m.Replace
			}
			i.Sarama = m.Version
		}
	}
	return i
}
