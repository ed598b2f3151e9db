// Command shapegen makes filter/wire/shapes.go of Kafka's message definitions, filter/wire/testdata/definitions.
//
// With names of APIs it first takes their definitions from the jar of Apache Kafka's clients, which build/install-kafka.sh fetches:
//
//	go run ./cmd/internal/shapegen -jar .cache/kafka/4.3.1/libs/kafka-clients-4.3.1.jar ListOffsets
package main

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("wire", "filter/wire", "the folder of package wire")
	jar := flag.String("jar", "", "the kafka-clients jar to take definitions from")
	flag.Parse()
	if err := run(*dir, *jar, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "shapegen:", err)
		os.Exit(1)
	}
}

func run(dir, jar string, apis []string) error {
	definitions := filepath.Join(dir, "testdata", "definitions")
	for _, api := range apis {
		if err := take(jar, api+"Request.json", definitions); err != nil {
			return err
		}
	}
	code, err := generate(definitions)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "shapes.go"), code, 0o644); err != nil { //nolint:gosec // source code
		return fmt.Errorf("write the shapes: %w", err)
	}
	return nil
}

// take copies one definition out of a jar.
func take(jar, name, dir string) error {
	r, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("open the jar that -jar names: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	f, err := r.Open("common/message/" + name)
	if err != nil {
		return fmt.Errorf("find a definition in %s: %w", jar, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !strings.HasPrefix(string(text), "// Licensed") {
		return fmt.Errorf("%s does not say its licence", name)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // a definition
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
