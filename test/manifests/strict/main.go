package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

func main() {
	crds := flag.String("crds", "", "folder with the definitions of custom resources")
	pods := flag.String("pods", "", "level of the Pod Security Standards that every pod has to keep to")
	flag.Parse()
	wrong, err := run(os.Stdin, os.Stdout, *crds, *pods, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if wrong || err != nil {
		os.Exit(1)
	}
}

// run checks files, and tells whether something is wrong in them.
func run(in io.Reader, out io.Writer, crds, pods string, files []string) (wrong bool, err error) {
	c, err := newChecker(crds, pods)
	if err != nil {
		return false, err
	}
	for _, file := range files {
		documents, err := read(in, file)
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", file, err)
		}
		for n, document := range documents {
			name, mistakes := c.check(document)
			for _, m := range mistakes {
				wrong = true
				if _, err := fmt.Fprintf(out, "%s#%d %s: %s\n", file, n, name, m); err != nil {
					return wrong, err
				}
			}
		}
	}
	return wrong, nil
}

// read gives the documents of a file, without those that are empty.
func read(in io.Reader, file string) (documents [][]byte, err error) {
	if file != "-" {
		raw, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(raw)
	}
	for r := yaml.NewYAMLReader(bufio.NewReader(in)); ; {
		document, err := r.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if something(document) {
			documents = append(documents, document)
		}
	}
}

// something tells whether a document has more than comments.
func something(document []byte) bool {
	var content any
	return sigsyaml.Unmarshal(document, &content) != nil || content != nil
}
