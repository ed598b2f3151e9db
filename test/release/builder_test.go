package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// builder makes the images of a Dockerfile without a container engine. Each stage has a root folder of its own, in which its RUN lines
// are run. In place of an image that would have to be downloaded there is what this machine has of it. It works in a process with mounts
// of its own.
type builder struct {
	repository string
	dir        string            // of the roots
	args       map[string]string // --build-arg
	envoy      string            // the binaries of images that are not downloaded
	envoyHost  string
	global     map[string]string // ARGs ahead of the first stage
	images     map[string]*image
}

// image is a stage as far as it has been built.
type image struct {
	root              string
	workdir           string
	user              uint32
	shell             []string
	entrypoint, cmd   []string
	args, env, labels map[string]string
}

// build builds all stages.
func (b *builder) build(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(b.repository, "Dockerfile"))
	if err != nil {
		return err
	}
	file, err := parseDockerfile(string(text))
	if err != nil {
		return err
	}
	b.images, b.global = map[string]*image{}, map[string]string{}
	for _, i := range file.global {
		if i.name != "ARG" {
			return fmt.Errorf("line %d: %s ahead of the first stage", i.line, i.name)
		}
		b.declare(i, b.global, nil)
	}
	for _, s := range file.stages {
		if err := b.stage(ctx, s); err != nil {
			return fmt.Errorf("stage %s: %w", s.name, err)
		}
	}
	return nil
}

func (b *builder) stage(ctx context.Context, s stage) error {
	i := &image{
		root: filepath.Join(b.dir, s.name), workdir: "/", shell: []string{"/bin/sh", "-c"},
		args: map[string]string{}, env: map[string]string{}, labels: map[string]string{},
	}
	for _, dir := range []string{"tmp", "proc", "dev/shm", "etc"} {
		if err := os.MkdirAll(filepath.Join(i.root, dir), 0o755); err != nil {
			return err
		}
	}
	err := errors.Join(
		os.Chmod(filepath.Join(i.root, "tmp"), 0o777|fs.ModeSticky),
		os.Chmod(filepath.Join(i.root, "dev/shm"), 0o777|fs.ModeSticky),
		bind("/proc", filepath.Join(i.root, "proc")),
	)
	for _, device := range []string{"null", "zero", "random", "urandom"} {
		err = errors.Join(err, bind("/dev/"+device, filepath.Join(i.root, "dev", device)))
	}
	if err == nil {
		err = b.base(os.Expand(s.base, func(name string) string { return b.global[name] }), i)
	}
	if err != nil {
		return err
	}
	b.images[s.name] = i
	for _, in := range s.instructions {
		if err := b.run(ctx, in, i); err != nil {
			return fmt.Errorf("line %d: %w", in.line, err)
		}
	}
	return nil
}

// run does what an instruction says.
func (b *builder) run(ctx context.Context, in instruction, i *image) (err error) {
	text := os.Expand(in.rest, i.value)
	pairs := map[string]string{}
	if in.name == "LABEL" || in.name == "ENV" {
		if pairs, err = (instruction{in.line, in.name, text}).pairs(); err != nil {
			return err
		}
	}
	switch in.name {
	case "ARG":
		b.declare(in, i.args, b.global)
	case "ENV":
		maps.Copy(i.env, pairs)
	case "LABEL":
		maps.Copy(i.labels, pairs)
	case "WORKDIR":
		i.workdir = text
		err = os.MkdirAll(filepath.Join(i.root, text), 0o755)
	case "USER":
		err = i.setUser(text)
	case "SHELL":
		i.shell, err = in.list()
	case "ENTRYPOINT":
		i.entrypoint, err = in.list()
		i.cmd = nil
	case "CMD":
		i.cmd, err = in.list()
	case "COPY":
		err = b.copy(strings.Fields(text), i)
	case "RUN":
		err = i.runLine(ctx, in.rest)
	case "EXPOSE":
	default:
		err = fmt.Errorf("%s is an instruction that this test does not know", in.name)
	}
	return err
}

// declare gives an ARG its value: that of the command line, its default, or what outer says.
func (b *builder) declare(in instruction, args, outer map[string]string) {
	name, value, _ := strings.Cut(in.rest, "=")
	args[name] = cmp.Or(b.args[name], value, outer[name])
}

// copy is COPY, from the repository without what .dockerignore names, or from another stage.
func (b *builder) copy(words []string, i *image) error {
	from, skip := b.repository, map[string]bool{}
	if name, is := strings.CutPrefix(words[0], "--from="); is {
		if b.images[name] == nil {
			return fmt.Errorf("COPY from stage %s, which is not there", name)
		}
		from, words = b.images[name].root, words[1:]
	} else {
		var err error
		if skip, err = ignored(b.repository); err != nil {
			return err
		}
	}
	sources, to := words[:len(words)-1], words[len(words)-1]
	folder := strings.HasSuffix(to, "/") || strings.HasSuffix(to, ".") || len(sources) > 1
	if !filepath.IsAbs(to) {
		to = filepath.Join(i.workdir, to)
	}
	for _, source := range sources {
		file := filepath.Join(from, source)
		is, err := os.Stat(file)
		if err != nil {
			return err
		}
		target := filepath.Join(i.root, to)
		if folder && !is.IsDir() { // of a folder, what is in it is copied
			target = filepath.Join(target, filepath.Base(source))
		}
		if err := copyTree(from, file, target, skip); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a file or folder, without the paths below root to skip.
func copyTree(root, from, to string, skip map[string]bool) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if skip[at] && d.IsDir() {
			return fs.SkipDir
		}
		if skip[at] {
			return nil
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return copyFile(file, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	is, err := in.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, is.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// value is what $name stands for.
func (i *image) value(name string) string { return cmp.Or(i.env[name], i.args[name]) }

func (i *image) setUser(name string) error {
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return fmt.Errorf("USER %s: Kubernetes checks runAsNonRoot by the number, so there has to be one", name)
	}
	i.user = uint32(n)
	return nil
}

func (i *image) environment(more map[string]string) []string {
	all := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	maps.Copy(all, more)
	maps.Copy(all, i.env)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// runLine is RUN.
func (i *image) runLine(ctx context.Context, line string) error {
	cmd := exec.CommandContext(ctx, i.shell[0], append(i.shell[1:], line)...)
	cmd.Dir, cmd.Env = i.workdir, i.environment(i.args)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("RUN %s: %w\n%s", line, err, out)
	}
	return nil
}

// bind has a file or folder be in another place too.
func bind(from, to string) error {
	is, err := os.Stat(from)
	switch {
	case err != nil:
	case is.IsDir():
		err = os.MkdirAll(to, 0o755)
	default:
		err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), touch(to))
	}
	if err == nil {
		err = unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("bind %s to %s: %w", from, to, err)
	}
	return nil
}

// show is bind for reading only.
func show(from, to string) error {
	if err := bind(from, to); err != nil {
		return err
	}
	return unix.Mount("", to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func touch(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
