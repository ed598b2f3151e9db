package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// record gets every sample when it is taken, so that a run that is broken off has left what it measured.
type record struct{ *os.File }

func openRecord(t *testing.T, path string) record {
	t.Helper()
	stack.Check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	file, err := os.Create(path)
	stack.Check(t, err)
	t.Cleanup(func() { file.Close() })
	head := []string{"seconds", "process"}
	for _, m := range measures {
		name, _, _ := strings.Cut(m.name, ",")
		head = append(head, name)
	}
	_, err = fmt.Fprintln(file, strings.Join(head, "\t"))
	stack.Check(t, err)
	return record{file}
}

func (r record) add(at time.Duration, process string, s sample) error {
	line := []string{fmt.Sprintf("%.0f", at.Seconds()), process}
	for _, v := range s {
		line = append(line, fmt.Sprintf("%.0f", v))
	}
	_, err := fmt.Fprintln(r, strings.Join(line, "\t"))
	return err
}
