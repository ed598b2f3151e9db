// Command licences says whether each module that the packages in its arguments need has a licence that we may ship: make check runs it.
//
// It is a module of its own, so that what it is made with is none of the mesh's dependencies. It reads the texts that are on this machine,
// and asks nobody.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	modules, err := dependencies(os.Args[1:])
	if err == nil {
		err = check(modules)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // main is the one place for it
	}
	fmt.Printf("licences: %d modules, all of them allowed\n", len(modules)) //nolint:forbidigo // what it is asked for
}

// dependencies are the modules that packages and their tests need, and where those are on this machine.
func dependencies(packages []string) (dirs map[string]string, err error) {
	const each = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}"
	list := exec.Command("go", append([]string{"list", "-deps", "-test", "-f", each}, packages...)...) //nolint:gosec,noctx // by our Makefile
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	dirs = map[string]string{}
	for line := range strings.Lines(string(text)) {
		if path, dir, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			dirs[path] = dir
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("go list: no module is needed by %q, which cannot be", packages)
	}
	return dirs, nil
}
