package manifests

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPodsKeepTheRules compares the Deployments of the mesh with what documents say that they need.
func TestPodsKeepTheRules(t *testing.T) {
	t.Parallel()
	var found int
	for _, f := range slices.Concat(kustomized(t), templated(t)) {
		var limits map[string]any
		for _, d := range documents(t, f) {
			for _, mesh := range meshes(t, d) {
				limits, _ = at(mesh, "limits").(map[string]any)
			}
		}
		for _, d := range documents(t, f) {
			if word(d, "kind") != "Deployment" || word(d, "metadata", "name") != "kafka-mesh" {
				continue
			}
			found++
			pod := at(d, "spec", "template", "spec")
			container := list(pod, "containers")[0]
			// docs/istio.md: the sidecar's user is the one whose connections Istio does not take into the mesh.
			if user := number(at(pod, "securityContext", "runAsUser")); user == "1337" || user == "0" {
				t.Errorf("%s: the pod runs as user %s", f.name, user)
			}
			// docs/operations.md: ten seconds at most after SIGTERM.
			grace, pause := at(pod, "terminationGracePeriodSeconds"), at(container, "lifecycle", "preStop", "sleep", "seconds")
			if left := whole(t, grace) - whole(t, pause); left < 15 {
				t.Errorf("%s: after the pause of %v s, %d s are left for the end", f.name, pause, left)
			}
			// docs/sizing.md: 128 MiB, and three times the limit for each worker.
			const mebi = 1 << 20
			memory, isMebi := strings.CutSuffix(word(container, "resources", "limits", "memory"), "Mi")
			has, err := strconv.Atoi(memory)
			needs := 128*mebi + 3*whole(t, limits["max_in_flight_bytes_per_worker"])*workers(t, container)
			if err != nil || !isMebi || has*mebi < needs {
				t.Errorf("%s: the limit of memory is %sMi, and the rule says %d MiB", f.name, memory, needs/mebi)
			}
		}
	}
	if found < 8 {
		t.Errorf("there are only %d Deployments", found)
	}
}

// workers is how many workers a container has: Envoy's, or the plain binary's.
func workers(t *testing.T, container any) int {
	t.Helper()
	args := list(container, "args")
	if i := slices.Index(args, any("--concurrency")); i >= 0 {
		n, err := strconv.Atoi(args[i+1].(string))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, e := range list(container, "env") {
		if word(e, "name") == "GOMAXPROCS" {
			n, err := strconv.Atoi(word(e, "value"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("nothing says how many workers there are")
	return 0
}

// whole is a number of a manifest.
func whole(t *testing.T, n any) int {
	t.Helper()
	f, is := n.(float64)
	if !is {
		t.Fatalf("%v is no number", n)
	}
	return int(f)
}
