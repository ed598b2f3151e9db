package stack

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent has the kernel end a child when this process ends without having stopped it. A group of its own keeps
// the terminal's Ctrl-C from the child, which the parent stops in order.
func dieWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
}

// ownedBy has a process be another user's, whose the files become too.
func ownedBy(cmd *exec.Cmd, user int, files ...string) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	for _, file := range files {
		if err := os.Chown(file, user, user); err != nil {
			return err
		}
	}
	return nil
}

// owns says why it is not the process, or not the process alone, that listens at addr, or nil. Envoys can share a port, and who connects
// is given to either.
func (p *Process) owns(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	proc := fmt.Sprintf("/proc/%d", p.Pid())
	sockets := map[string]bool{} // those that listen at the port
	for _, table := range []string{"tcp", "tcp6"} {
		err := listening(filepath.Join(proc, "net", table), port, sockets)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel may be without IPv6
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(proc, "fd", "*"))
	if err != nil {
		return err
	}
	ours := 0
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && sockets[target] { // it may have been closed meanwhile
			delete(sockets, target)
			ours++
		}
	}
	switch {
	case len(sockets) > 0:
		return fmt.Errorf("another process listens at %s", addr)
	case ours == 0:
		return fmt.Errorf("nobody listens at %s", addr)
	default:
		return nil
	}
}

// listening adds the sockets of one of the kernel's tables that listen at port, named as in a process's folder of files.
func listening(table, port string, sockets map[string]bool) error {
	const local, state, inode, listen = 1, 3, 9, "0A"
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	file, err := os.Open(table)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) > inode && f[state] == listen && strings.HasSuffix(f[local], fmt.Sprintf(":%04X", n)) {
			sockets["socket:["+f[inode]+"]"] = true
		}
	}
	return lines.Err()
}
