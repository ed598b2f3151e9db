package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/cases/*.golden; read them before committing")

// TestCases compares what validate and convert say of files for Envoy, as people have written them, with the text beside each.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.[yj]*")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			said := saidOf(t, "validate", file)
			if strings.Contains(said, "kafkamesh convert FILE") {
				said += "\n" + saidOf(t, "convert", file)
			}
			compare(t, strings.TrimSuffix(file, filepath.Ext(file))+".golden", said)
		})
	}
}

func saidOf(t *testing.T, command, file string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{command, file}, streams{strings.NewReader(""), printer{&out}, printer{&errs}})
	text := "$ kafkamesh " + command + " FILE\n" + out.String() + errs.String() + "exit code " + string(rune('0'+code)) + "\n"
	return strings.ReplaceAll(text, file, "FILE")
}

func compare(t *testing.T, golden, said string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), said); diff != "" {
		t.Errorf("%s: -update rewrites it (-want +got):\n%s", golden, diff)
	}
}
