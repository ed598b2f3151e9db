package main

import (
	"context"
	"errors"
	"flag"
)

func validateCommand() command {
	return command{
		name:    "validate",
		args:    "FILE…",
		summary: "check configurations, and print every mistake",
		about: `Checks each FILE, a configuration in YAML or JSON, "-" being standard input.
FILE may also be a configuration of Envoy, or hold one, as Kubernetes' manifests
do, also as a text in a ConfigMap: then each filter in it that uses the module or plugin kafkamesh is checked,
and so is what Envoy wants around it.

Every mistake is printed on a line "FILE:LINE:COLUMN: field: what is wrong";
warnings go to standard error. The exit code is 1 when there are mistakes.`,
		setup: func(*flag.FlagSet) runFunc { return validate },
	}
}

func validate(_ context.Context, files []string, s streams) error {
	if len(files) == 0 {
		return usageError("name a FILE to check")
	}
	var failed error
	for _, file := range files {
		failed = errors.Join(failed, validateFile(file, s))
	}
	return failed
}

func validateFile(file string, s streams) error {
	found, err := sources(file, s.in)
	if err != nil {
		s.out.printf("%v\n", err)
		return errReported
	}
	var failed error
	for _, src := range found {
		c, err := src.parseWhole(s.out)
		if err != nil {
			failed = err
			continue
		}
		src.warn(s.err, src.warnings(c))
		s.out.printf("%s: valid\n", src.name())
	}
	return failed
}
