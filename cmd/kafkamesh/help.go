package main

import (
	"flag"
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

func unknown(name string, s streams) int {
	s.err.printf("kafkamesh: there is no command %q\n\n", name)
	printHelp(s.err)
	return exitUsage
}

func printHelp(w printer) {
	w.printf(`Kafka mesh shows producers one Kafka broker and puts each topic's record batches
into the cluster that the topic's prefix names. It usually runs inside Envoy;
kafkamesh runs the same engine on a plain listener, and checks configurations.

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
