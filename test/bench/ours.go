package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// build is what was built of ours: the folder of libkafkamesh.so, and the plain binary. Both may have twins that serve Go's profiles,
// in a folder called profile beside them.
type build struct{ moduleDir, binary string }

// today is what make build has built.
func today() (b build, err error) {
	if b.moduleDir, err = stack.ModuleDir(); err != nil {
		return b, err
	}
	b.binary, err = stack.Binary()
	return b, err
}

// inFolder is what build/bench-before.sh has put into a folder.
func inFolder(dir string) (build, error) {
	b := build{dir, filepath.Join(dir, "kafkamesh")}
	_, err := os.Stat(filepath.Join(dir, "libkafkamesh.so"))
	_, err2 := os.Stat(b.binary)
	return b, errors.Join(err, err2)
}

// profiled is the twin of a build that serves Go's profiles, at an address that it chooses. Without one it is the build itself, and no address.
func (b build) profiled() (twin build, addr string, err error) {
	twin, err = inFolder(filepath.Join(b.moduleDir, "profile"))
	if err != nil { // nobody has built it
		return b, "", nil //nolint:nilerr // then less is measured
	}
	port, err := stack.FreePort()
	return twin, stack.Local(port), err
}

// nameOf is what reports call the build in a folder: what the file commit in it says.
func nameOf(dir string) string {
	if dir == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(dir, "commit"))
	if err != nil {
		return "an unknown commit"
	}
	return strings.TrimSpace(string(text))
}

// start is a way to start one of ours: what find finds, as run does it.
func start(find func(*site) (build, error), run func(build, context.Context, *site) (*running, error)) func(context.Context, *site) (*running, error) {
	return func(ctx context.Context, s *site) (*running, error) {
		b, err := find(s)
		if err != nil {
			return nil, err
		}
		return run(b, ctx, s)
	}
}

func (s *site) today() (build, error) { return today() }

func (s *site) earlier() (build, error) { return inFolder(s.before) }

// prepare chooses the twin of a build, if one is asked for, and says what its environment needs.
func (b build) prepare(s *site) (chosen build, profiles string, env []string, err error) {
	if !s.profiles {
		return b, "", nil, nil
	}
	if b, profiles, err = b.profiled(); profiles != "" {
		env = []string{"KAFKAMESH_PROFILE=" + profiles}
	}
	return b, profiles, env, err
}

func (b build) inEnvoy(ctx context.Context, s *site) (*running, error) {
	b, profiles, env, err := b.prepare(s)
	if err != nil {
		return nil, err
	}
	mesh, err := s.mesh()
	if err != nil {
		return nil, err
	}
	envoy, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{
		Mesh: mesh, Version: envoyVersion, ModuleDir: b.moduleDir, Concurrency: s.workers, Env: env,
	})
	if err != nil {
		return nil, err
	}
	return &running{
		to: s.through(mesh.Addr), processes: []*stack.Process{envoy.Process}, profiles: profiles, logsIn: s.users != "", close: envoy.Close,
	}, nil
}

func (b build) standalone(ctx context.Context, s *site) (*running, error) {
	b, profiles, env, err := b.prepare(s)
	if err != nil {
		return nil, err
	}
	mesh, err := s.mesh()
	if err != nil {
		return nil, err
	}
	config, err := mesh.Config()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "mesh"+strings.ReplaceAll(mesh.Addr, ":", "-")+".json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(b.binary, "serve", "--config", file, "--listen", mesh.Addr)
	cmd.Env = append(os.Environ(), env...)
	p, err := stack.Start(ctx, standaloneWay, cmd, mesh.Addr)
	if err != nil {
		return nil, err
	}
	return &running{
		to: s.through(mesh.Addr), processes: []*stack.Process{p}, profiles: profiles, logsIn: s.users != "", close: p.Stop,
	}, nil
}

// mesh is a configuration with all clusters, at an address that is free.
func (s *site) mesh() (*stack.Mesh, error) {
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	mesh := &stack.Mesh{Addr: stack.Local(port)}
	if s.users != "" {
		s.guard(mesh)
	}
	for i, addr := range s.addrs {
		cluster := stack.MeshCluster{Name: fmt.Sprint("c", i), Bootstrap: addr}
		if s.ca != "" {
			cluster.Producer = map[string]string{"security.protocol": "ssl", "ssl.ca.location": s.ca}
		}
		mesh.Clusters = append(mesh.Clusters, cluster)
		mesh.Rules = append(mesh.Rules, stack.MeshRule{Cluster: cluster.Name, Prefix: topicOf(i)})
	}
	return mesh, nil
}

// guard has clients of a mesh log in, and rules and a quota that let them do everything. The rules that are for others stand first.
func (s *site) guard(mesh *stack.Mesh) {
	mesh.Logins = map[string]any{"plain": map[string]any{}, "allow_plain_without_tls": true, "users_file": s.users}
	for i := range 50 {
		mesh.Authorized = append(mesh.Authorized, map[string]any{
			"effect": "EFFECT_ALLOW", "operations": []string{"OPERATION_ALL"}, "principals": []string{fmt.Sprint("team", i)},
			"topics": []string{fmt.Sprint("team", i, "*")},
		})
	}
	mesh.Authorized = append(mesh.Authorized, map[string]any{
		"effect": "EFFECT_ALLOW", "operations": []string{"OPERATION_ALL"}, "principals": []string{load.User}, "topics": []string{"*"},
	})
	mesh.Quotas = []map[string]any{{"principals": []string{"*"}, "produce_bytes_per_second": int64(1) << 40}}
}

// writeUsers makes the file of the user that clients log in as.
func writeUsers(ctx context.Context, dir string) (path string, err error) {
	b, err := today()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "users")
	cmd := exec.CommandContext(ctx, b.binary, "user", "add", path, load.User)
	cmd.Stdin = strings.NewReader(load.Password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
}
