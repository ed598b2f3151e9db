package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// What the images are told to be.
const (
	imageVersion = "v1.2.3-image"
	imageCommit  = "0123456789abcdef"
)

// TestImages builds the images of the Dockerfile, without git, and starts each as a container would be: by its entrypoint, as its
// user, with nothing but what is in it. It looks at the archive that the release script has made on the way.
func TestImages(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		stack.Check(t, &stack.MissingError{Part: "the right to mount", Cure: "run the test as root"})
	}
	stack.Check(t, stack.Install(t.Context(), "build/install-zig.sh"))
	root, err := stack.Root()
	stack.Check(t, err)
	envoy, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	envoyHost, err := stack.EnvoyHostBinary(t.Context())
	stack.Check(t, err)
	job := imagesJob{Repository: root, Dir: t.TempDir(), Envoy: envoy, EnvoyHost: envoyHost}
	cmd := roleCommand(t.Context(), roleImages, job)
	// Nobody else sees what is mounted, and it is gone with the process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = &stack.MissingError{Part: "the right to mount", Cure: "run the test where CAP_SYS_ADMIN is"}
		}
		stack.Check(t, fmt.Errorf("%w\n%s", err, out))
	}
	out := filepath.Join(job.Dir, "build", "tmp", "release")
	for _, archive := range checksums(t, out) {
		checkArchive(t, filepath.Join(out, archive), imageVersion)
	}
}

// imagesJob is what the process with mounts of its own does.
type imagesJob struct{ Repository, Dir, Envoy, EnvoyHost string }

func (j imagesJob) run(ctx context.Context) error {
	b := &builder{
		repository: j.Repository, dir: j.Dir, envoy: j.Envoy, envoyHost: j.EnvoyHost,
		args: map[string]string{"VERSION": imageVersion, "COMMIT": imageCommit},
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	return errors.Join(b.tryStandalone(ctx), b.tryEnvoy(ctx), b.tryContrib(ctx), b.tryModule(ctx), b.tryCopier(ctx))
}

// tryStandalone runs the plain binary with the demo's configuration in the place that CMD names.
func (b *builder) tryStandalone(ctx context.Context) error {
	i := b.images["standalone"]
	const addr = "127.0.0.1:9092"
	config := strings.ReplaceAll(demo.Config, "19092", "9092")
	said, err := i.start(ctx, i.cmd, map[string]string{"etc/kafkamesh/mesh.yaml": config}, addr)
	return errors.Join(err, says("standalone", said, "msg=kafkamesh version="+imageVersion+" commit="+imageCommit), i.labelled())
}

// tryEnvoy runs Envoy with our envoy.yaml in the place where Envoy's image has it.
func (b *builder) tryEnvoy(ctx context.Context) error {
	i := b.images["envoy"]
	config, err := os.ReadFile(filepath.Join(b.repository, "envoy.yaml"))
	if err != nil {
		return err
	}
	said, err := i.start(ctx, i.cmd, map[string]string{"etc/envoy/envoy.yaml": string(config)}, demo.MeshAddr)
	return errors.Join(err, says("envoy", said, "kafka_mesh: loaded version="+imageVersion+" commit="+imageCommit), i.labelled())
}

// tryContrib runs the program that plays Envoy's contrib image.
func (b *builder) tryContrib(ctx context.Context) error {
	i := b.images["contrib"]
	value, err := proto.Marshal(wrapperspb.String(demo.Config))
	if err != nil {
		return err
	}
	i.env["ASAN_OPTIONS"] = "detect_leaks=0" // Go's memory looks leaked to it
	said, err := i.start(ctx, []string{
		"--abi", "contrib", "--so", "/usr/local/lib/kafkamesh/libkafkamesh-contrib.so", "--port", "19092", "--workers", "2",
		"--type-url", "type.googleapis.com/google.protobuf.StringValue", "--value-file", "/etc/value", "--commit-delay-us", "0",
	}, map[string]string{"etc/value": string(value)}, demo.MeshAddr)
	return errors.Join(err, says("contrib", said, "kafka_mesh: loaded version="+imageVersion+" commit="+imageCommit), i.labelled())
}

func says(name, log, want string) error {
	if !strings.Contains(log, want) {
		return fmt.Errorf("%s: the log lacks %q:\n%s", name, want, log)
	}
	return nil
}

// labelled says whether the image's labels name what is in it.
func (i *image) labelled() error {
	for key, want := range map[string]string{"version": imageVersion, "revision": imageCommit} {
		if got := i.labels["org.opencontainers.image."+key]; got != want {
			return fmt.Errorf("%s: label %s is %q, want %q", i.root, key, got, want)
		}
	}
	return nil
}

// start runs the image's entrypoint with arguments and files that a user brings, and shows the demo through addr. Before it, the
// clusters of the demo are started beside it. It returns what was printed.
func (i *image) start(ctx context.Context, args []string, files map[string]string, addr string) (said string, err error) {
	for name, text := range files {
		file := filepath.Join(i.root, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644))
	}
	if err != nil {
		return "", err
	}
	job := startJob{Root: i.root, Argv: append(i.entrypoint, args...), Env: i.environment(nil), User: i.user, Addr: addr}
	cmd := roleCommand(ctx, roleStart, job)
	// In a network of its own: the ports are those of the image.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", i.root, err, &out)
	}
	return out.String(), nil
}

// startJob is what the process with a network of its own does.
type startJob struct {
	Root, Addr string
	Argv, Env  []string
	User       uint32
}

func (j startJob) run(ctx context.Context) error {
	if j.User == 0 {
		return errors.New("the image runs as root")
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	for _, c := range demo.Clusters() {
		stop, err := c.StartEmbedded()
		if err != nil {
			return err
		}
		defer stop()
	}
	cmd := exec.CommandContext(ctx, j.Argv[0], j.Argv[1:]...)
	cmd.Env, cmd.Dir = j.Env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: j.Root, Credential: &syscall.Credential{Uid: j.User, Gid: j.User}}
	p, err := stack.Start(ctx, strings.Join(j.Argv, " "), cmd, j.Addr)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	err = demo.Show(ctx, j.Addr, &table)
	p.Stop() // as `docker stop` does
	if p.ExitCode() != 0 {
		err = errors.Join(err, errors.New("it ended so: "+p.Ending()))
	}
	fmt.Printf("%s\n%s", &table, p.Log())
	return err
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
	}
	return errors.Join(err, unix.Close(fd))
}

// The parts that this program plays when it runs itself again.
const (
	roleVariable = "RELEASE_ROLE"
	jobVariable  = "RELEASE_JOB"
	roleImages   = "images"
	roleStart    = "start"
)

// roleCommand is this program in another part.
func roleCommand(ctx context.Context, role string, job any) *exec.Cmd {
	text, _ := json.Marshal(job) // strings and numbers always are
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, jobVariable+"="+string(text))
	return cmd
}

// TestMain runs the tests, or plays a part.
func TestMain(m *testing.M) {
	var err error
	job := []byte(os.Getenv(jobVariable))
	switch os.Getenv(roleVariable) {
	case roleImages:
		var j imagesJob
		err = errors.Join(json.Unmarshal(job, &j), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		if err == nil {
			err = j.run(context.Background())
		}
	case roleStart:
		var j startJob
		if err = json.Unmarshal(job, &j); err == nil {
			err = j.run(context.Background())
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
