package stack

import "syscall"

// dieWithParent has the kernel end a child when this process ends without having stopped it. A group of its own keeps
// the terminal's Ctrl-C from the child, which the parent stops in order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
