package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// kubeVersion is the Kubernetes that charts are made for in tests.
const kubeVersion = "1.36"

// once keeps what a tool has made for the first test that asked for it.
type once struct {
	mutex sync.Mutex
	made  []text
}

func (o *once) texts(run func() []text) []text {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.made == nil {
		o.made = run()
	}
	return o.made
}

var byKustomize, byHelm once

// kustomized is what kustomize makes of each folder that it can build.
func kustomized(t *testing.T) []text {
	t.Helper()
	return byKustomize.texts(func() (made []text) {
		for _, f := range checkedBy(t, asKustomize) {
			out, err := run(t, nil, tool(t, "bin/kustomize"), "build", filepath.Dir(f.name))
			stack.Check(t, err)
			made = append(made, text{"kustomize build " + filepath.Dir(f.name), out})
		}
		return made
	})
}

// chartOf is the folder of the chart that a file belongs to, or "".
func chartOf(name string) string {
	const dir = "examples/helm/"
	rest, is := strings.CutPrefix(name, dir)
	chart, _, inside := strings.Cut(rest, "/")
	if !is || !inside {
		return ""
	}
	return dir + chart
}

// charts are the folders of all charts.
func charts(t *testing.T) (folders []string) {
	t.Helper()
	for _, f := range checkedBy(t, asChart) {
		if filepath.Base(f.name) == "Chart.yaml" {
			folders = append(folders, chartOf(f.name))
		}
	}
	return folders
}

// values are the files of values that a chart is tried with.
func values(t *testing.T) (files []string) {
	t.Helper()
	for _, f := range checkedBy(t, asChart) {
		if strings.HasPrefix(f.name, chartOf(f.name)+"/ci/") {
			files = append(files, f.name)
		}
	}
	return files
}

// templated is what Helm makes of a chart with each file of values.
func templated(t *testing.T) []text {
	t.Helper()
	return byHelm.texts(func() (made []text) {
		for _, file := range values(t) {
			made = append(made, text{"helm template -f " + file, template(t, chartOf(file), file)})
		}
		return made
	})
}

// template is what Helm makes of a chart: the release and its namespace are kafka-mesh.
func template(t *testing.T, chart, file string, args ...string) string {
	t.Helper()
	out, err := helm(t, append([]string{"template", "kafka-mesh", chart, "--namespace", "kafka-mesh", "-f", file}, args...)...)
	stack.Check(t, err)
	return out
}

func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	home := []string{"HELM_CACHE_HOME=" + dir, "HELM_CONFIG_HOME=" + dir, "HELM_DATA_HOME=" + dir, "KUBECONFIG=" + os.DevNull}
	return run(t, home, tool(t, "bin/helm"), append(args, "--kube-version", kubeVersion)...)
}
