package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a command failed, or a configuration is invalid
	exitUsage  = 2 // the command line makes no sense
)

// streams is what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err printer
}

// printer is where a command talks to its user, who is gone when it fails.
type printer struct{ io.Writer }

func (p printer) printf(format string, args ...any) { _, _ = fmt.Fprintf(p, format, args...) }

// command is one of kafkamesh's subcommands.
type command struct {
	name    string
	args    string // as shown behind the name
	summary string // half a sentence
	about   string // whole sentences
	// setup declares the flags and gives what to run once they are parsed, with the arguments behind them.
	setup func(f *flag.FlagSet) runFunc
}

// runFunc runs a command. It gives an error instead of printing it.
type runFunc func(ctx context.Context, args []string, s streams) error

// usageError says why the arguments make no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

// errReported is a failure that the user has been told of.
var errReported = errors.New("reported")

func commands() []command {
	return []command{demoCommand(), serveCommand(), validateCommand(), explainCommand(), checkCommand(), convertCommand(), userCommand(), versionCommand()}
}

// run is main without the process: it runs the command that args name and gives the exit code.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 {
		printHelp(s.err)
		return exitUsage
	}
	switch name := args[0]; name {
	case "help", "-h", "-help", "--help":
		return help(args[1:], s)
	case "-v", "-V", "-version", "--version":
		return versionCommand().run(ctx, args[1:], s)
	default:
		for _, c := range commands() {
			if c.name == name {
				return c.run(ctx, args[1:], s)
			}
		}
		return unknown(name, s)
	}
}

// parse takes the flags out of args, wherever they stand before a "--".
func parse(f *flag.FlagSet, args []string) (others []string, err error) {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		rest := f.Args()
		if read := args[:len(args)-len(rest)]; len(rest) == 0 || len(read) > 0 && read[len(read)-1] == "--" {
			return append(others, rest...), nil
		}
		others, args = append(others, rest[0]), rest[1:]
	}
	return others, nil
}

func (c command) run(ctx context.Context, args []string, s streams) int {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	do := c.setup(f)
	args, err := parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		c.printHelp(s.out)
		return exitOK
	}
	if err != nil {
		err = usageError(flagMistake(err, f))
	} else {
		err = do(ctx, args, s)
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		s.err.printf("kafkamesh %s: %v\nRun \"kafkamesh help %s\".\n", c.name, err, c.name)
		return exitUsage
	default:
		s.err.printf("kafkamesh %s: %v\n", c.name, err)
		return exitFailed
	}
}
