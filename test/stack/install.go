package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The versions that are tested and shown unless a caller names others.
const (
	EnvoyVersion = "1.39.3"
	KafkaVersion = "4.3.1"
)

// EnvoyVersions are all Envoys that the module is tested with: EnvoyVersion, an older and a newer one.
func EnvoyVersions() []string { return []string{"1.38.3", EnvoyVersion, "1.40.0"} }

// MissingError says that a part is not installed, and how to install it.
type MissingError struct {
	Part string
	Cure string
}

func (e *MissingError) Error() string { return fmt.Sprintf("%s is missing: %s", e.Part, e.Cure) }

// Required tells whether E2E=required is set: a missing part is then installed, and a test without it fails.
func Required() bool { return os.Getenv("E2E") == "required" }

// Root is the top directory of this repository.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// EnvoyBinary finds the Envoy of a version.
func EnvoyBinary(ctx context.Context, version string) (string, error) {
	return installed(ctx, "envoy/"+version+"/envoy/_bin/envoy", "build/install-envoy.sh", version)
}

// EnvoyHostBinary finds the program that plays Envoy.
func EnvoyHostBinary(ctx context.Context) (string, error) {
	return installed(ctx, "envoyhost/envoyhost", "build/compile-envoyhost.sh")
}

// KafkaLibs finds the directory with the jars of a Kafka version.
func KafkaLibs(ctx context.Context, version string) (string, error) {
	return installed(ctx, "kafka/"+version+"/libs", "build/install-kafka.sh", version)
}

// Kroxylicious finds the directory of a version of the proxy Kroxylicious, with our launcher in classes.
func Kroxylicious(ctx context.Context, version string) (string, error) {
	return installed(ctx, "kroxylicious/"+version, "build/install-kroxylicious.sh", version)
}

// KafkaProxy finds the proxy kafka-proxy of a version.
func KafkaProxy(ctx context.Context, version string) (string, error) {
	return installed(ctx, "kafka-proxy/"+version+"/kafka-proxy", "build/install-kafka-proxy.sh", version)
}

// Shotover finds the proxy Shotover of a version.
func Shotover(ctx context.Context, version string) (string, error) {
	return installed(ctx, "shotover/"+version+"/shotlaunch", "build/install-shotover.sh", version)
}

// Plotter finds a Python that draws charts.
func Plotter(ctx context.Context) (string, error) {
	return installed(ctx, "plotter/bin/python", "build/install-plotter.sh")
}

// Checkers finds the directory with what checks our Dockerfile and compose file.
func Checkers(ctx context.Context) (string, error) {
	return installed(ctx, "checkers", "build/install-checkers.sh")
}

// ManifestCheckers finds the directory with what checks Kubernetes' manifests.
func ManifestCheckers(ctx context.Context) (string, error) {
	return installed(ctx, "manifests", "build/install-manifest-checkers.sh")
}

// ManifestJudges finds the directory with what reads manifests as a cluster does: an API server, Istio's and Envoy Gateway's tools.
func ManifestJudges(ctx context.Context) (string, error) {
	return installed(ctx, "judges", "build/install-manifest-judges.sh")
}

// Kerberos finds the directory with MIT's Kerberos.
func Kerberos(ctx context.Context) (string, error) {
	return installed(ctx, "krb5", "build/install-krb5.sh")
}

// NFT finds the program that writes the kernel's rules for packets.
func NFT(ctx context.Context) (string, error) {
	return installed(ctx, "nft/nft", "build/install-nft.sh")
}

// Prometheus finds the directory with Prometheus and promtool.
func Prometheus(ctx context.Context) (string, error) {
	return installed(ctx, "prometheus", "build/install-prometheus.sh")
}

// Chromium finds what starts a headless browser.
func Chromium(ctx context.Context) (string, error) {
	return installed(ctx, "chromium/chromium", "build/install-chromium.sh")
}

// Clients finds the directory with the clients of the end-to-end tests: java-4.3.1 and python are in it.
func Clients(ctx context.Context) (string, error) {
	python, err := installed(ctx, "clients/python", "build/install-clients.sh")
	return filepath.Dir(python), err
}

// ModuleDir finds the directory with libkafkamesh.so: KAFKAMESH_MODULE_DIR, or else build/out.
func ModuleDir() (string, error) {
	if dir := os.Getenv("KAFKAMESH_MODULE_DIR"); dir != "" {
		return dir, nil
	}
	file, err := built("libkafkamesh.so")
	return filepath.Dir(file), err
}

// Binary finds the plain kafkamesh binary.
func Binary() (string, error) { return built("kafkamesh") }

func built(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, "build", "out", name)
	is, err := os.Stat(file)
	if err != nil {
		return "", &MissingError{Part: name, Cure: "make build"}
	}
	newest, at, err := newestSource(root)
	if err == nil && at.After(is.ModTime()) {
		err = fmt.Errorf("%s is older than %s: what it does says nothing about the code of today; run make build", name, newest)
	}
	return file, err
}

// newestSource finds the file that was changed last of those that what is built is made from.
func newestSource(root string) (newest string, at time.Time, err error) {
	for _, dir := range []string{"cmd", "filter", "proto", "go.mod"} {
		err = errors.Join(err, filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata") || strings.HasSuffix(file, ".md") {
				return err
			}
			is, err := d.Info()
			if err == nil && is.ModTime().After(at) {
				newest, at = file, is.ModTime()
			}
			return err
		}))
	}
	return newest, at, err
}

// Install runs one of build/install-*.sh, which is quick when there is nothing to do.
func Install(ctx context.Context, script string, args ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return run(exec.CommandContext(ctx, filepath.Join(root, script), args...))
}

// installed finds path in .cache. If everything is required the installer runs first; it is quick when all is there, and
// makes sure that it is there whole and of the right version.
func installed(ctx context.Context, path, script string, args ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if Required() {
		if err := Install(ctx, script, args...); err != nil {
			return "", err
		}
	}
	file := filepath.Join(root, ".cache", path)
	if _, err := os.Stat(file); err != nil {
		return "", &MissingError{Part: path, Cure: strings.Join(append([]string{script}, args...), " ")}
	}
	return file, nil
}

// ReplaceFile moves a file with new content into the place of another, so that nobody reads half of it.
func ReplaceFile(file string, content []byte) error {
	fresh := file + ".new"
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

// run runs a command to its end and puts what it printed into the error.
func run(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out.String())
	}
	return nil
}
