package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// nonroot is the user of distroless images.
const nonroot = 65532

// base fills a root with what this machine has of an image.
func (b *builder) base(name string, i *image) error {
	switch {
	case strings.HasPrefix(name, "golang:"):
		return b.golang(i)
	case name == "scratch":
		return nil
	case strings.HasPrefix(name, "busybox:"): // a cp
		return system(i.root, "/usr/bin", "/usr/lib", "/usr/lib64", "/bin")
	case name == "gcr.io/distroless/static-debian12:nonroot": // no programs and no libraries
		i.user = nonroot
		return nil
	case name == "envoyproxy/envoy:distroless-v"+stack.EnvoyVersion: // Envoy and glibc
		i.user, i.entrypoint, i.cmd = nonroot, []string{"/usr/local/bin/envoy"}, []string{"-c", "/etc/envoy/envoy.yaml"}
		return errors.Join(glibc(i.root), show(b.envoy, filepath.Join(i.root, i.entrypoint[0])))
	case strings.HasPrefix(name, "envoyproxy/envoy:contrib-v"): // the program that plays it
		i.entrypoint = []string{"/usr/local/bin/envoyhost"}
		return errors.Join(system(i.root, "/usr/lib", "/usr/lib64"), show(b.envoyHost, filepath.Join(i.root, i.entrypoint[0])))
	default:
		return fmt.Errorf("this machine has nothing to put in place of the image %s", name)
	}
}

// golang is this machine's programs, which nothing can be written to, its Go, and the caches that make it quick. Neither git nor
// packages are to be had: there is no repository, and the machine has to have what its tests need.
func (b *builder) golang(i *image) error {
	err := system(i.root, "/usr", "/etc", "/bin", "/sbin")
	i.env["PATH"] = "/without:/goroot/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	i.env["HOME"], i.env["GOPATH"] = "/root", "/go"
	for _, name := range []string{"GOPROXY", "GONOSUMDB", "GOSUMDB", "GOFLAGS"} {
		if value := os.Getenv(name); value != "" {
			i.env[name] = value
		}
	}
	caches, e := os.UserCacheDir()
	zig, e2 := filepath.EvalSymlinks(filepath.Join(b.repository, ".cache", "zig"))
	return errors.Join(
		err, e, e2,
		show(goEnv("GOROOT"), filepath.Join(i.root, "goroot")),
		bind(goEnv("GOMODCACHE"), filepath.Join(i.root, "go/pkg/mod")),
		bind(goEnv("GOCACHE"), filepath.Join(i.root, "root/.cache/go-build")),
		os.MkdirAll(filepath.Join(caches, "zig"), 0o755),
		bind(filepath.Join(caches, "zig"), filepath.Join(i.root, "root/.cache/zig")),
		bind(zig, filepath.Join(i.root, "src/.cache/zig")),
		os.MkdirAll(filepath.Join(i.root, "var"), 0o755),
		program(filepath.Join(i.root, "without/apt-get"), "exit 0"),
		program(filepath.Join(i.root, "without/git"), "echo 'fatal: not a git repository' >&2; exit 128"),
	)
}

// system shows folders of this machine in a root, and its libraries.
func system(root string, dirs ...string) (err error) {
	for _, dir := range append(dirs, "/lib", "/lib64") {
		if to, e := os.Readlink(dir); e == nil { // /lib is /usr/lib today
			err = errors.Join(err, os.Symlink(to, filepath.Join(root, dir)))
		} else if _, e := os.Stat(dir); e == nil {
			err = errors.Join(err, show(dir, filepath.Join(root, dir)))
		}
	}
	return err
}

func goEnv(name string) string {
	out, err := exec.CommandContext(context.Background(), "go", "env", name).Output()
	if err != nil {
		return "" // which cannot be bound
	}
	return strings.TrimSpace(string(out))
}

func program(file, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

// glibc puts into a root what is in the image gcr.io/distroless/base-nossl-debian12 of libraries: those of Debian's package libc6.
func glibc(root string) error {
	out, err := exec.CommandContext(context.Background(), "ldd", "/bin/sh").Output()
	if err != nil {
		return fmt.Errorf("ldd: %w", err)
	}
	for word := range strings.FieldsSeq(string(out)) {
		switch {
		case strings.HasPrefix(filepath.Base(word), "ld-linux"):
			err = errors.Join(err, copyFile(word, filepath.Join(root, word)))
		case strings.HasSuffix(word, "/libc.so.6"):
			for _, name := range []string{"libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libutil.so.1"} {
				file := filepath.Join(filepath.Dir(word), name)
				err = errors.Join(err, copyFile(file, filepath.Join(root, file)))
			}
		}
	}
	return err
}
