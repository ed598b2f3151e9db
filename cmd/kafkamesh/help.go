package main

import (
	"flag"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// help prints what kafkamesh does, or one of its commands.
func help(args []string, s streams) int {
	if len(args) == 0 {
		printHelp(s.out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			c.printHelp(s.out)
			return exitOK
		}
	}
	return unknown(args[0], s)
}

// unknown says that there is no such command: with the one that was meant, if that is plain, or else with all of them.
func unknown(name string, s streams) int {
	s.err.printf("kafkamesh: there is no command %q", name)
	known := []string{"help"}
	for _, c := range commands() {
		known = append(known, c.name)
	}
	if meant := nearest(strings.TrimLeft(name, "-"), known); meant != "" {
		s.err.printf("; did you mean %q?\nRun \"kafkamesh help\".\n", meant)
		return exitUsage
	}
	s.err.printf("\n\n")
	printHelp(s.err)
	return exitUsage
}

// flagMistake is what package flag says is wrong with a command line, with the flag that was meant.
func flagMistake(err error, f *flag.FlagSet) string {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err.Error()
	}
	var known []string
	f.VisitAll(func(o *flag.Flag) { known = append(known, o.Name) })
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	said := "there is no flag " + dashes + name
	if meant := nearest(name, known); meant != "" {
		return said + "; did you mean --" + meant + "?"
	}
	return said
}

// nearest is the known word that wrong is a misspelling or the beginning of, or empty.
func nearest(wrong string, known []string) string {
	var begins []string
	for _, k := range known {
		if wrong != "" && strings.HasPrefix(k, wrong) {
			begins = append(begins, k)
		}
	}
	if len(begins) == 1 {
		return begins[0]
	}
	return config.Nearest(wrong, known)
}

func printHelp(w printer) {
	w.printf(`Kafka mesh shows clients one Kafka broker. They write and read each topic on the
cluster that its name's prefix says. It usually runs inside Envoy; kafkamesh runs
the same engine on a plain listener, and checks configurations.

usage: kafkamesh COMMAND

`)
	for _, c := range commands() {
		w.printf("  %-10s %s\n", c.name, c.summary)
	}
	w.printf("  %-10s %s\n", "help", "say more about a command: kafkamesh help COMMAND")
	w.printf(`
Exit codes: 0 all went well; 1 the command failed, or a configuration is
invalid; 2 the command line makes no sense.
`)
}

func (c command) printHelp(w printer) {
	usage := "usage: kafkamesh " + c.name
	if c.args != "" {
		usage += " " + c.args
	}
	w.printf("%s\n\n%s\n", usage, c.about)
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setup(f)
	first := true
	f.VisitAll(func(o *flag.Flag) {
		if first {
			w.printf("\nFlags:\n")
			first = false
		}
		value, about := flag.UnquoteUsage(o)
		w.printf("  --%s %s\n        %s", o.Name, value, about)
		if o.DefValue != "" {
			w.printf(" (default %s)", o.DefValue)
		}
		w.printf("\n")
	})
}
