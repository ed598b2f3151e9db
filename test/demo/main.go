package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// adminAddr is where envoy.yaml has Envoy's admin interface.
const adminAddr = "127.0.0.1:9901"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if err := checkPorts(); err != nil {
		return err
	}
	started := sayIfSlow("starting three clusters")
	stops, err := startClusters(ctx, os.Getenv("DEMO_KAFKA") == "real")
	started()
	defer stops.stop()
	if err != nil {
		return interrupted(ctx, err)
	}
	started = sayIfSlow("starting Envoy")
	envoy, err := startEnvoy(ctx)
	started()
	if err != nil {
		return interrupted(ctx, err)
	}
	defer envoy.Close()
	shown := sayIfSlow("sending records and reading them back")
	err = demo.Show(ctx, demo.MeshAddr, os.Stdout)
	shown()
	if err != nil {
		return interrupted(ctx, fmt.Errorf("%w\nEnvoy's log:\n%s", err, envoy.Log()))
	}
	fmt.Print("READY envoy=", demo.MeshAddr, " admin=", adminAddr, " page=http://", demo.PageAddr, "/")
	for _, c := range demo.Clusters() {
		fmt.Print(" ", c.Name, "=", c.Addr())
	}
	fmt.Println()
	if os.Getenv("DEMO_ONCE") == "1" {
		return nil
	}
	if err := demo.Hints(os.Stdout, "http://"+demo.PageAddr+"/", "http://"+adminAddr+"/stats?filter=kafkamesh"); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-envoy.Done():
		return fmt.Errorf("the end of Envoy, with %d; its log:\n%s", envoy.ExitCode(), envoy.Log())
	}
}

// slow is how long a step may take without a word.
const slow = 2 * time.Second

// sayIfSlow prints what is being done unless it is done soon.
func sayIfSlow(what string) (done func()) {
	t := time.AfterFunc(slow, func() { fmt.Fprintln(os.Stderr, "demo: "+what) })
	return func() { t.Stop() }
}

// interrupted is err, unless the user wanted the end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // whatever failed did so because everything is being stopped
	}
	return err
}

func checkPorts() error {
	uses := map[string]string{demo.MeshAddr: "Envoy's Kafka listener", adminAddr: "Envoy's admin interface", demo.PageAddr: "the mesh's page"}
	for _, c := range demo.Clusters() {
		uses[c.Addr()] = c.Name
	}
	var busy []string
	for addr, use := range uses {
		if stack.Listenable(addr) != nil {
			busy = append(busy, fmt.Sprintf("%s (%s)", addr, use))
		}
	}
	if len(busy) == 0 {
		return nil
	}
	slices.Sort(busy)
	return errors.New("in use already: " + strings.Join(busy, ", ") + "; stop what listens there, perhaps another demo")
}

func startEnvoy(ctx context.Context) (*stack.EnvoyProcess, error) {
	if err := stack.Install(ctx, "build/install-envoy.sh", stack.EnvoyVersion); err != nil {
		return nil, err
	}
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	config, err := os.ReadFile(filepath.Join(root, "envoy.yaml"))
	if err != nil {
		return nil, err
	}
	return stack.StartEnvoy(ctx, stack.EnvoyOptions{Config: string(config)})
}
