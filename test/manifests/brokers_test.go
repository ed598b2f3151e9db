package manifests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestBrokersTakeTheirConfiguration has each of the brokers to try the mesh with make its configuration of its environment, by what Apache
// Kafka's image does when it starts, and format its storage with it. It has to tell clients the name of its own pod.
func TestBrokersTakeTheirConfiguration(t *testing.T) {
	t.Parallel()
	libs, err := stack.KafkaLibs(t.Context(), stack.KafkaVersion)
	stack.Check(t, err)
	var found int
	for _, d := range documents(t, madeBy(t, "kustomize build examples/kubernetes/clusters")) {
		if word(d, "kind") != "StatefulSet" {
			continue
		}
		name, container := word(d, "metadata", "name"), list(d, "spec", "template", "spec", "containers")[0]
		if want := "apache/kafka:" + stack.KafkaVersion; word(container, "image") != want {
			t.Errorf("%s has another image than %s, whose Kafka is tried", name, want)
		}
		for i := range whole(t, at(d, "spec", "replicas")) {
			found++
			t.Run(fmt.Sprintf("%s-%d", name, i), func(t *testing.T) {
				t.Parallel()
				properties := setUpBroker(t, libs, environment(container, fmt.Sprintf("%s-%d", name, i), i))
				for _, want := range []string{
					fmt.Sprintf("node.id=%d\n", i), fmt.Sprintf("advertised.listeners=PLAINTEXT://%s-%d.%s.kafka.svc:9092\n", name, i, name),
				} {
					if !strings.Contains(properties, want) {
						t.Errorf("the broker's properties lack %q:\n%s", want, properties)
					}
				}
			})
		}
	}
	if found != 4 {
		t.Errorf("there are %d brokers", found)
	}
}

// environment is that of a pod of a StatefulSet, as the kubelet makes it.
func environment(container any, pod string, index int) (env []string) {
	for _, e := range list(container, "env") {
		value := strings.ReplaceAll(word(e, "value"), "$(POD_NAME)", pod)
		switch word(e, "valueFrom", "fieldRef", "fieldPath") {
		case "metadata.name":
			value = pod
		case "metadata.labels['apps.kubernetes.io/pod-index']":
			value = strconv.Itoa(index)
		}
		env = append(env, word(e, "name")+"="+value)
	}
	return env
}

// setUpBroker does what the image does before it starts Kafka, and gives the properties that come out.
func setUpBroker(t *testing.T, libs string, env []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"default", "mounted", "final"} {
		stack.Check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	for _, name := range []string{"server.properties", "log4j2.yaml", "tools-log4j2.yaml"} {
		stack.Check(t, os.WriteFile(filepath.Join(dir, "default", name), nil, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(libs, "*"), "kafka.docker.KafkaDockerWrapper",
		"setup", "--default-configs-dir", "default", "--mounted-configs-dir", "mounted", "--final-configs-dir", "final")
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CLUSTER_ID=5L6g3nShT-eMCtK--X86sw"), env...) // which the image sets
	cmd.Env = append(cmd.Env, "KAFKA_LOG_DIRS="+filepath.Join(dir, "data"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, stack.Tail(string(out)))
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "meta.properties")); err != nil {
		t.Errorf("the storage is not formatted: %v", err)
	}
	properties, err := os.ReadFile(filepath.Join(dir, "final", "server.properties"))
	stack.Check(t, err)
	return string(properties)
}
