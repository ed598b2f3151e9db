package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// maxPasswordLine bounds what is read for a password, in bytes: more than any may have.
const maxPasswordLine = 8 << 10

// password reads one: from the file that is named, from a terminal, or from standard input.
func (u *userRun) password(ctx context.Context, isNew bool) (string, error) {
	if u.passwordFile != "" {
		file, err := os.Open(u.passwordFile)
		if err != nil {
			return "", fmt.Errorf("%s: %w", u.passwordFile, reason(err))
		}
		defer func() { _ = file.Close() }() // it was only read
		return firstLine(file)
	}
	file, ok := u.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return firstLine(u.in)
	}
	password, err := u.ask(ctx, file, "Password of "+u.name+": ")
	if err != nil || !isNew {
		return password, err
	}
	again, err := u.ask(ctx, file, "The same again: ")
	if err != nil {
		return "", err
	}
	if again != password {
		return "", errors.New("the two passwords are not the same")
	}
	return password, nil
}

// ask reads a line from a terminal that does not show it. Who interrupts that gets the terminal back as it was.
func (u *userRun) ask(ctx context.Context, terminal *os.File, prompt string) (string, error) {
	fd, err := unix.FcntlInt(terminal.Fd(), unix.F_DUPFD_CLOEXEC, 0) // the goroutine's, for as long as it reads
	if err != nil {
		return "", err
	}
	before, err := term.GetState(fd)
	if err != nil {
		_ = unix.Close(fd)
		return "", err
	}
	u.err.printf("%s", prompt)
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		_ = unix.Close(fd) // nothing was written
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		u.err.printf("\n")
		return string(l.text), l.err
	case <-ctx.Done(): // the goroutine ends with the process
		u.err.printf("\n")
		_ = term.Restore(int(terminal.Fd()), before) // there is nothing better to do
		return "", context.Cause(ctx)
	}
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errors.New("the password is empty")
	}
	return line, nil
}

// reason is what an error about a file says beside its name.
func reason(err error) error {
	if of, ok := errors.AsType[*os.PathError](err); ok {
		return of.Err
	}
	return err
}
