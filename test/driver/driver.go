// Package driver runs the programs of test/matrix/clients, which drive clients of every language: where each is installed, how it is called,
// and what it needs. What they take and print is said in test/matrix/doc.go.
package driver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// What the programs do.
const (
	Produce = "produce"
	Ask     = "ask"
	Consume = "consume"
)

// Program is a program of a client, in one version. Its functions are given where it is installed.
type Program struct {
	Dir     string                    // in .cache/clients, what build/install-clients.sh calls it
	Command func(dir string) []string // the program and what goes before the arguments that all have
	Env     func(dir string) []string // what it needs in its environment, if that is anything
}

// Java is a program for kafka-clients.
func Java(version, does string) Program {
	class := map[string]string{Produce: "Client", Ask: "Ask", Consume: "Consume"}[does]
	return Program{Dir: "java-" + version, Command: func(dir string) []string {
		path := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "libs", "*")
		return []string{
			"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, class,
		}
	}}
}

// Python is a program for a client in Python, which is installed in dir.
func Python(client, dir, does string) Program {
	return Program{Dir: dir, Command: interpreted("python3", client, does+".py"), Env: pythonPath}
}

// Kcat is a program in Python that runs kcat.
func Kcat(version, does string) Program {
	return Program{Dir: "kcat-" + version, Command: interpreted("python3", "kcat", does+".py"), Env: func(dir string) []string {
		return append(pythonPath(dir), "KCAT="+filepath.Join(dir, "usr", "bin", "kcat"), "LD_LIBRARY_PATH="+filepath.Join(dir, "lib"))
	}}
}

// Node is a program for a client for Node.js.
func Node(client, version, does string) Program {
	return Program{Dir: client + "-" + version, Command: interpreted("node", client, does+".js"), Env: func(dir string) []string {
		return []string{"NODE_PATH=" + filepath.Join(dir, "node_modules")}
	}}
}

// Go is the program for clients in Go.
func Go(client, does string) Program {
	return Program{Dir: "go", Command: func(dir string) []string {
		command := []string{filepath.Join(dir, "client"), client}
		if does != Produce {
			command = append(command, does)
		}
		return command
	}}
}

func interpreted(by, client, file string) func(string) []string {
	return func(dir string) []string { return []string{by, filepath.Join(sources(dir), client, file)} }
}

func pythonPath(dir string) []string {
	return []string{"PYTHONPATH=" + dir + string(os.PathListSeparator) + filepath.Join(sources(dir), "python")}
}

// sources is where the programs are whose client is installed in .cache/clients/NAME.
func sources(dir string) string { return filepath.Join(dir, "../../../test/matrix/clients") }

// Installed is the directory of the client, which is installed first if everything is required.
func (p *Program) Installed(tb testing.TB) string {
	tb.Helper()
	const script = "build/install-clients.sh"
	if stack.Required() {
		stack.Check(tb, stack.Install(tb.Context(), script, p.Dir))
	}
	root, err := stack.Root()
	stack.Check(tb, err)
	dir := filepath.Join(root, ".cache", "clients", p.Dir)
	if _, err := os.Stat(dir); err != nil {
		stack.Check(tb, &stack.MissingError{Part: p.Dir, Cure: script + " " + p.Dir})
	}
	program := p.Command(dir)[0]
	if _, err := exec.LookPath(program); err != nil {
		stack.Check(tb, &stack.MissingError{Part: program, Cure: "install it"})
	}
	return dir
}

// Cmd is the program with arguments and with more of an environment. Dir is where it is Installed.
func (p *Program) Cmd(ctx context.Context, dir string, args, env []string) *exec.Cmd {
	command := append(p.Command(dir), args...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	if p.Env != nil {
		cmd.Env = append(cmd.Env, p.Env(dir)...)
	}
	cmd.WaitDelay = time.Second // a child that outlives it may hold its output open
	return cmd
}
