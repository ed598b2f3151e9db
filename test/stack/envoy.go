package stack

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// EnvoyOptions describes an Envoy with our module.
type EnvoyOptions struct {
	Config      string   // the bootstrap, YAML or JSON
	Mesh        *Mesh    // in place of Config: the mesh is the only listener
	Version     string   // EnvoyVersion if empty
	ModuleDir   string   // where libkafkamesh.so is; what the function ModuleDir finds if empty
	Concurrency int      // worker threads; 2 if 0
	Env         []string // on top of this process's environment, NAME=value
	Args        []string
	User        int // the id of the user and group whose process it is; this process's if 0
	// HotRestart has Envoy be, or succeed, another one that was started with it: they share a base id, and epochs count
	// from 0. Nil: it stands alone.
	HotRestart *HotRestart
}

// HotRestart is the place of an Envoy among those that take over from each other.
type HotRestart struct{ BaseID, Epoch int }

func (h *HotRestart) args() []string {
	if h == nil {
		return []string{"--disable-hot-restart"}
	}
	return []string{"--base-id", strconv.Itoa(h.BaseID), "--restart-epoch", strconv.Itoa(h.Epoch)}
}

// EnvoyProcess is a running Envoy.
type EnvoyProcess struct {
	*Process

	admin string
	dir   string
}

// StartEnvoy starts Envoy and waits until it is live. If Envoy refuses its configuration, the error holds its log.
func StartEnvoy(ctx context.Context, o EnvoyOptions) (*EnvoyProcess, error) {
	e, err := LaunchEnvoy(ctx, o)
	if err != nil {
		return nil, err
	}
	err = e.wait(ctx, "being live", e.live)
	if err == nil && o.Mesh != nil && o.HotRestart == nil { // who takes over listens with who was there
		err = e.wait(ctx, "having its port alone", func(context.Context) error { return e.owns(o.Mesh.Addr) })
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// LaunchEnvoy starts Envoy and does not wait for it, for a test that expects it to refuse its configuration.
func LaunchEnvoy(ctx context.Context, o EnvoyOptions) (*EnvoyProcess, error) {
	if o.Mesh != nil {
		var err error
		if o.Config, err = o.Mesh.Bootstrap(); err != nil {
			return nil, err
		}
	}
	if o.Version == "" {
		o.Version = EnvoyVersion
	}
	binary, err := EnvoyBinary(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	if o.ModuleDir == "" {
		if o.ModuleDir, err = ModuleDir(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "envoy-")
	if err != nil {
		return nil, err
	}
	e := &EnvoyProcess{dir: dir}
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, []byte(o.Config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, append(append(o.HotRestart.args(),
		"--config-path", file, "--concurrency", strconv.Itoa(cmp.Or(o.Concurrency, 2)),
		"--admin-address-path", e.adminFile(), "--component-log-level", "main:warning", // it lists all its extensions
	), o.Args...)...)
	if o.User != 0 {
		if err := ownedBy(cmd, o.User, dir, file); err != nil {
			return nil, err
		}
	}
	cmd.Env = append(append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+o.ModuleDir), o.Env...)
	e.Process, err = startProcess("Envoy", cmd)
	return e, err
}

// Admin is the address of Envoy's admin interface.
func (e *EnvoyProcess) Admin() string { return e.admin }

// Stats is the value of one counter or gauge, and 0 for one that does not exist yet.
func (e *EnvoyProcess) Stats(ctx context.Context, name string) (int64, error) {
	text, err := e.adminText(ctx, http.MethodGet, "/stats?filter=^"+regexp.QuoteMeta(name)+"$")
	if err != nil {
		return 0, err
	}
	_, value, found := strings.Cut(strings.TrimSpace(text), ": ")
	if !found {
		return 0, nil
	}
	return strconv.ParseInt(value, 10, 64)
}

// WaitStats waits until a counter or gauge has reached at least a value.
func (e *EnvoyProcess) WaitStats(ctx context.Context, name string, least int64) error {
	return e.waitStats(ctx, name, "at least "+strconv.FormatInt(least, 10), func(value int64) bool { return value >= least })
}

// WaitGauge waits until a gauge has a value.
func (e *EnvoyProcess) WaitGauge(ctx context.Context, name string, value int64) error {
	return e.waitStats(ctx, name, strconv.FormatInt(value, 10), func(got int64) bool { return got == value })
}

// Post calls a path of Envoy's admin interface that changes something.
func (e *EnvoyProcess) Post(ctx context.Context, path string) error {
	_, err := e.adminText(ctx, http.MethodPost, path)
	return err
}

// Close stops Envoy and removes its files.
func (e *EnvoyProcess) Close() {
	e.Stop()
	_ = os.RemoveAll(e.dir) // in the system's directory for temporary files
}

func (e *EnvoyProcess) waitStats(ctx context.Context, name, want string, reached func(int64) bool) error {
	return e.wait(ctx, name, func(ctx context.Context) error {
		value, err := e.Stats(ctx, name)
		if err == nil && !reached(value) {
			err = fmt.Errorf("%s is %d, want %s", name, value, want)
		}
		return err
	})
}

func (e *EnvoyProcess) adminFile() string { return filepath.Join(e.dir, "admin") }

func (e *EnvoyProcess) live(ctx context.Context) error {
	addr, err := os.ReadFile(e.adminFile())
	if err != nil {
		return err
	}
	e.admin = strings.TrimSpace(string(addr))
	_, err = e.adminText(ctx, http.MethodGet, "/ready")
	return err
}

func (e *EnvoyProcess) adminText(ctx context.Context, method, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return Page(ctx, method, "http://"+e.admin+path)
}
