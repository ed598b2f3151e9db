package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

func userCommand() command {
	return command{
		name:    "user",
		args:    "add|verify|list|remove FILE [NAME]",
		summary: "keep the file of users that clients log in as",
		about: `Keeps FILE, in which each line is a user that clients may log in as with PLAIN or
SCRAM: a name, and verifiers that passwords are checked against (RFC 5803, the form
of PostgreSQL). Passwords themselves are not kept. A mesh that uses FILE reads it
again within a second or two.

  add FILE NAME     adds a user, or gives one that is there another password
  verify FILE NAME  says whether a password is the user's
  list FILE         prints the names, and the mechanisms and iterations of each
  remove FILE NAME  takes a user out

The password is asked for, twice when it is new; or it is the first line of
standard input, or of --password-file. It is never an argument, which others on
the machine could see.

Who is logged in stays so, also when he is removed or has another password, until
max_reauth_ms of authentication.sasl is over or the connection ends.

FILE is replaced as a whole, with the mode and the owner that it had; a new one is
for its owner alone. Comments, blank lines and the order of lines stay.

The exit code is 1 when a password is wrong, or there is no such user.`,
		setup: func(f *flag.FlagSet) runFunc {
			u := userRun{}
			f.StringVar(&u.passwordFile, "password-file", "", "read the password from `FILE`, its first line")
			f.IntVar(&u.iterations, "iterations", login.MinIterations, "how often a new password is hashed, `N` times; each login with it costs as much")
			return u.run
		},
	}
}

// staysLoggedIn is what a changed file does not do.
const staysLoggedIn = "; who is logged in already stays so until max_reauth_ms of authentication.sasl is over, or the connection ends"

// userRun is one run of the command.
type userRun struct {
	passwordFile string
	iterations   int

	file, name string
	streams
}

func (u *userRun) run(ctx context.Context, args []string, s streams) error {
	u.streams = s
	actions := map[string]struct {
		args int
		do   func(context.Context) error
	}{
		"add":    {2, u.add},
		"verify": {2, u.verify},
		"list":   {1, u.list},
		"remove": {2, u.remove},
	}
	if len(args) == 0 {
		return usageError("say what to do: add, verify, list or remove")
	}
	action, ok := actions[args[0]]
	if !ok {
		said := fmt.Sprintf("%q is none of add, verify, list and remove", args[0])
		if meant := nearest(args[0], []string{"add", "verify", "list", "remove"}); meant != "" {
			said += fmt.Sprintf("; did you mean %s?", meant)
		}
		return usageError(said)
	}
	if want := []string{"", "one FILE", "one FILE and one NAME"}[action.args]; len(args) != 1+action.args {
		if action.args == 2 && len(args) > 3 {
			return usageError(fmt.Sprintf("%s: name %s, got %d; a password is no argument", args[0], want, len(args)-1))
		}
		return usageError(fmt.Sprintf("%s: name %s, got %d", args[0], want, len(args)-1))
	}
	u.file = args[1]
	if action.args == 2 {
		u.name = args[2]
	}
	return action.do(ctx)
}

func (u *userRun) add(ctx context.Context) error {
	if err := login.CheckName(u.name); err != nil {
		return usageError(err.Error())
	}
	if name, has := strings.CutPrefix(u.name, "User:"); has {
		return usageError("names have no User: before them, and no rule could name this one; write " + name)
	}
	if err := login.CheckPortable(u.name); err != nil {
		return fmt.Errorf("the name: %w", err)
	}
	if u.iterations < login.MinIterations || u.iterations > login.MaxIterations {
		return usageError(fmt.Sprintf("--iterations is from %d to %d", login.MinIterations, login.MaxIterations))
	}
	password, err := u.password(ctx, true)
	if err != nil {
		return err
	}
	if err := login.CheckPortable(password); err != nil {
		return fmt.Errorf("the password: %w", err)
	}
	user := login.User{Name: u.name}
	for _, mechanism := range []string{login.ScramSHA256, login.ScramSHA512} {
		v, err := login.NewVerifier(mechanism, password, u.iterations)
		if err != nil {
			return err
		}
		user.Verifiers = append(user.Verifiers, v)
	}
	var replaced bool
	err = editUsers(u.file, true, func(f *login.UsersFile) (err error) {
		replaced, err = f.Set(user)
		return err
	})
	switch {
	case err != nil:
		return err
	case replaced:
		u.out.printf("%s: the password of %s is another now%s\n", u.file, u.name, staysLoggedIn)
	default:
		u.out.printf("%s: %s added\n", u.file, u.name)
	}
	return nil
}

func (u *userRun) verify(ctx context.Context) error {
	f, err := readUsers(u.file)
	if err != nil {
		return err
	}
	user, ok := f.User(u.name)
	if !ok {
		return fmt.Errorf("%s: there is no user %s", u.file, u.name)
	}
	password, err := u.password(ctx, false)
	if err != nil {
		return err
	}
	for i := range user.Verifiers {
		if !user.Verifiers[i].Matches(password) {
			return fmt.Errorf("%s: the password of %s is another (%s)", u.file, u.name, user.Verifiers[i].Mechanism)
		}
	}
	u.out.printf("%s: this is the password of %s\n", u.file, u.name)
	return nil
}

func (u *userRun) list(context.Context) error {
	f, err := readUsers(u.file)
	if err != nil {
		return err
	}
	for _, user := range f.Users() {
		verifiers := make([]string, 0, len(user.Verifiers))
		for i := range user.Verifiers {
			verifiers = append(verifiers, user.Verifiers[i].String())
		}
		u.out.printf("%s\t%s\n", user.Name, strings.Join(verifiers, "\t"))
	}
	return nil
}

func (u *userRun) remove(context.Context) error {
	err := editUsers(u.file, false, func(f *login.UsersFile) error {
		if !f.Remove(u.name) {
			return fmt.Errorf("%s: there is no user %s", u.file, u.name)
		}
		return nil
	})
	if err == nil {
		u.out.printf("%s: %s removed%s\n", u.file, u.name, staysLoggedIn)
	}
	return err
}
