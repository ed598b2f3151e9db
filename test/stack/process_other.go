//go:build !linux

package stack

import (
	"errors"
	"os/exec"
)

func dieWithParent(*exec.Cmd) {}

// owns cannot be told here.
func (*Process) owns(string) error { return nil }

// ownedBy is not possible here.
func ownedBy(*exec.Cmd, int, ...string) error { return errors.ErrUnsupported }
