package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// call runs "kafkamesh user" and returns all it says, with the file as FILE.
func call(t *testing.T, in, file string, args ...string) (code int, said string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"user"}, args...), streams{strings.NewReader(in), printer{&out}, printer{&err}})
	return code, strings.ReplaceAll(out.String()+err.String(), file, "FILE")
}

func TestUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "users"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("from a file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args, in string
		code     int
		said     string
	}{
		{"list " + file, "", exitFailed, "kafkamesh user: FILE: no such file or directory\n"},
		{"remove " + file + " alice", "", exitFailed, "kafkamesh user: FILE: no such file or directory\n"},
		{"add " + file + " alice", "wonderland\n", exitOK, "FILE: alice added\n"},
		{"add " + file + " bob --iterations 5000", "x", exitOK, "FILE: bob added\n"},
		{"list " + file, "", exitOK, "alice\tSCRAM-SHA-256 4096\tSCRAM-SHA-512 4096\nbob\tSCRAM-SHA-256 5000\tSCRAM-SHA-512 5000\n"},
		{"verify " + file + " alice", "wonderland\n", exitOK, "FILE: this is the password of alice\n"},
		{"verify " + file + " alice", "wonderlanD\n", exitFailed, "kafkamesh user: FILE: the password of alice is another (SCRAM-SHA-256)\n"},
		{"verify " + file + " carol", "x", exitFailed, "kafkamesh user: FILE: there is no user carol\n"},
		{"add --password-file " + secret + " " + file + " alice", "", exitOK, "FILE: the password of alice is another now; who is logged in already stays so"},
		{"verify " + file + " alice", "from a file", exitOK, "FILE: this is the password of alice\n"},
		{"verify " + file + " alice --password-file=" + secret, "", exitOK, "FILE: this is the password of alice\n"},
		{"add " + file + " carol --password-file " + dir + "/none", "", exitFailed, "kafkamesh user: " + dir + "/none: no such file or directory\n"},
		{"add " + file + " carol", "\n", exitFailed, "kafkamesh user: the password is empty\n"},
		{"add " + file + " carol", strings.Repeat("a", 2000), exitFailed, "kafkamesh user: a password has at most 1024 bytes\n"},
		{"add " + file + " carol", "a\u00a0b", exitFailed, "kafkamesh user: the password: it has characters that some clients replace"},
		{"add " + file + " ª", "x", exitFailed, "kafkamesh user: the name: it has characters that some clients replace"},
		{"add " + file + " #carol", "x", exitUsage, "a user's name does not begin with # or @"},
		{"add " + file + " User:carol", "x", exitUsage, "names have no User: before them, and no rule could name this one; write carol"},
		{"add " + file + " carol --iterations 1000", "x", exitUsage, "--iterations is from 4096 to 1000000"},
		{"add " + file + " carol secret", "", exitUsage, "add: name one FILE and one NAME, got 3; a password is no argument"},
		{"add " + file, "", exitUsage, "add: name one FILE and one NAME, got 1"},
		{"list", "", exitUsage, "list: name one FILE, got 0"},
		{"", "", exitUsage, "say what to do: add, verify, list or remove"},
		{"delete " + file + " bob", "", exitUsage, `"delete" is none of add, verify, list and remove`},
		{"rem " + file + " bob", "", exitUsage, "did you mean remove?"},
		{"remove " + file + " bob", "", exitOK, "FILE: bob removed; who is logged in already stays so until max_reauth_ms"},
		{"remove " + file + " bob", "", exitFailed, "kafkamesh user: FILE: there is no user bob\n"},
		{"list " + file, "", exitOK, "alice\tSCRAM-SHA-256 4096\tSCRAM-SHA-512 4096\n"},
	} {
		code, said := call(t, step.in, file, strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(said, step.said) {
			t.Errorf("user %s = %d, %q, want %d, %q", step.args, code, said, step.code, step.said)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the new file is %v, %v", info, err)
	}
}

// A file stays what it was but for the line: its mode, what is around, and that it is reached through a link.
func TestUserKeepsTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "users"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("# ours\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const mode = fs.FileMode(0o640)
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("users", link); err != nil {
		t.Fatal(err)
	}
	if code, said := call(t, "x", link, "add", link, "alice"); code != exitOK {
		t.Fatal(said)
	}
	info, err := os.Lstat(file)
	if err != nil || info.Mode() != mode {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if raw, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(raw), "# ours\n\n") {
		t.Errorf("%s, %v", raw, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(before, "nonsense\n"...), mode); err != nil {
		t.Fatal(err)
	}
	if code, said := call(t, "x", file, "add", file, "bob"); code != exitFailed || !strings.Contains(said, "FILE: line 6: a user's name without a verifier") {
		t.Errorf("with a broken file: %d, %s", code, said)
	}
}

// Whoever changes a file at the same time does not lose what others change.
func TestUserOneAfterAnother(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	const callers = 8
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			if code, said := call(t, "x", file, "add", file, fmt.Sprintf("user%d", i)); code != exitOK {
				t.Error(said)
			}
		})
	}
	all.Wait()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := login.ParseUsers(raw); err != nil || len(f.Users()) != callers {
		t.Errorf("%v, %v", f, err)
	}
}

// terminal is a pair of a terminal and who sits at it.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		stack.Missing(t, "there are no terminals here: %v", err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		stack.Missing(t, "there are no terminals here: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// echoes says whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// prompts is what a program says, piece by piece.
type prompts chan string

func (p prompts) Write(b []byte) (int, error) {
	p <- string(b)
	return len(b), nil
}

// A password that is typed is not shown, and has to be typed twice when it is new.
func TestUserAsks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	for _, tt := range []struct {
		name, args string
		typed      []string
		code       int
	}{
		{"new", "add", []string{"one", "one"}, exitOK},
		{"two that differ", "add", []string{"one", "two"}, exitFailed},
		{"empty", "add", []string{"", ""}, exitFailed},
		{"old", "verify", []string{"one"}, exitOK},
	} {
		user, program := terminal(t)
		said := make(prompts, 10)
		ended := make(chan int)
		go func() {
			ended <- run(t.Context(), []string{"user", tt.args, file, "alice"}, streams{program, printer{&bytes.Buffer{}}, printer{said}})
		}()
		for i, text := range tt.typed {
			want := []string{"Password of alice: ", "The same again: "}[i]
			if got := <-said; got != want {
				t.Errorf("%s: asked %q, want %q", tt.name, got, want)
			}
			for echoes(t, program) {
				runtime.Gosched()
			}
			if _, err := user.WriteString(text + "\n"); err != nil {
				t.Fatal(err)
			}
			<-said
		}
		if code := <-ended; code != tt.code {
			t.Errorf("%s: %d, want %d", tt.name, code, tt.code)
		}
	}
}

// Who interrupts a question has a terminal that shows again what is typed.
func TestUserIsInterrupted(t *testing.T) {
	t.Parallel()
	user, program := terminal(t)
	said := make(prompts, 10)
	ended := make(chan int)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		ended <- run(ctx, []string{"user", "add", filepath.Join(t.TempDir(), "users"), "alice"}, streams{program, printer{said}, printer{said}})
	}()
	for echoes(t, program) {
		runtime.Gosched()
	}
	interrupt()
	if code := <-ended; code != exitFailed || !echoes(t, program) {
		t.Errorf("it ends with %d; the terminal echoes: %t", code, echoes(t, program))
	}
	if _, err := user.WriteString("\n"); err != nil { // the goroutine that reads ends with it, which in a process it need not
		t.Fatal(err)
	}
}
