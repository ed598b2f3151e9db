package release

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
	"syscall"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// tryModule mounts the image that has the modules alone into one of Envoy's, as an image volume, and runs what is in it there.
func (b *builder) tryModule(ctx context.Context) error {
	module := b.images["module"]
	if len(module.entrypoint)+len(module.cmd) > 0 {
		return errors.New("module: there is something to run")
	}
	const place = "etc/kafka-mesh"
	if err := b.stage(ctx, stage{name: "stock", base: "envoyproxy/envoy:distroless-v" + stack.EnvoyVersion}); err != nil {
		return err
	}
	i := b.images["stock"]
	if err := show(module.root, filepath.Join(i.root, place)); err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(b.repository, "envoy.yaml"))
	if err != nil {
		return err
	}
	i.env["ENVOY_DYNAMIC_MODULES_SEARCH_PATH"] = "/" + place
	said, err := i.start(ctx, i.cmd, map[string]string{"etc/envoy/envoy.yaml": string(config)}, demo.MeshAddr)
	err = errors.Join(err, says("module", said, "kafka_mesh: loaded version="+imageVersion+" commit="+imageCommit), module.labelled())
	for _, artifact := range modules {
		if _, e := os.Stat(filepath.Join(module.root, "doc", artifact+".cdx.json")); e != nil {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, module.small())
}

// small says whether there is nothing in an image that can be mounted but the modules and their documents.
func (i *image) small() error {
	return filepath.WalkDir(i.root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(i.root, file)
		first, _, _ := strings.Cut(name, "/")
		switch first {
		case "proc", "dev", "tmp", "etc": // made by whoever runs it
			return fs.SkipDir
		case ".", "doc", modules[0], modules[1]:
			return err
		default:
			return fmt.Errorf("%s: %s should not be there", i.root, name)
		}
	})
}

// tryCopier runs what an init container runs, and wants the modules to be in the folder that it shares with an Envoy.
func (b *builder) tryCopier(ctx context.Context) error {
	i := b.images["copier"]
	target := filepath.Join(i.root, "target")
	if err := errors.Join(os.Mkdir(target, 0o777), os.Chmod(target, 0o777)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, i.entrypoint[0], append(i.entrypoint[1:], i.cmd...)...)
	cmd.Env, cmd.Dir = i.environment(nil), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: i.user, Gid: i.user}, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copier: %w\n%s", err, out)
	}
	err := i.labelled()
	for _, name := range modules {
		is, e := os.ReadFile(filepath.Join(target, name))
		want, e2 := os.ReadFile(filepath.Join(b.images["module"].root, name))
		if err = errors.Join(err, e, e2); err == nil && (i.user == 0 || !bytes.Equal(is, want)) {
			err = fmt.Errorf("copier: user %d has not copied %s", i.user, name)
		}
	}
	return err
}
