package version

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	t.Parallel()
	git := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	sarama := []*debug.Module{{Path: "x", Version: "v9"}, {Path: "github.com/IBM/sarama", Version: "v1.61.1"}}
	for _, tc := range []struct {
		name, version, commit string
		build                 debug.BuildInfo
		want                  Info
	}{
		{"nothing is known", "", "", debug.BuildInfo{}, Info{unknown, unknown, unknown, unknown}},
		{
			"a release", "v1.2.3", "def",
			debug.BuildInfo{GoVersion: "go1.26.0", Settings: git, Deps: sarama},
			Info{"v1.2.3", "def", "go1.26.0", "v1.61.1"},
		},
		{
			"go build in a clone", "", "",
			debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-1+dirty"}, GoVersion: "go1.26.0", Settings: git},
			Info{"v0.0.0-1+dirty", "abc+dirty", "go1.26.0", unknown},
		},
		{
			"go build outside of git", "", "",
			debug.BuildInfo{Main: debug.Module{Version: "(devel)"}},
			Info{"devel", unknown, unknown, unknown},
		},
		{
			"a fork of sarama", "", "",
			debug.BuildInfo{Deps: []*debug.Module{
				{Path: "github.com/IBM/sarama", Version: "v1", Replace: &debug.Module{Version: "v2"}},
			}},
			Info{unknown, unknown, unknown, "v2"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, read(tc.version, tc.commit, &tc.build)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCurrent reads what this test was built as.
func TestCurrent(t *testing.T) {
	t.Parallel()
	if i := Current(); i.Go == unknown || i.Version == "" || i.Commit == "" || len(i.Attrs()) != 4 {
		t.Errorf("Current() = %+v", i)
	}
}
