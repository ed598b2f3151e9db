package release

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// instruction is one of a Dockerfile: RUN make build.
type instruction struct {
	line       int // where it begins
	name, rest string
}

// stage is what a FROM begins.
type stage struct {
	name, base   string
	instructions []instruction
}

// dockerfile is as much of a Dockerfile as ours needs.
type dockerfile struct {
	global []instruction // ahead of the first FROM
	stages []stage
}

func parseDockerfile(text string) (dockerfile, error) {
	var (
		d       dockerfile
		pending instruction
	)
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if pending.line == 0 {
			pending.line = i + 1
		}
		part, goesOn := strings.CutSuffix(line, "\\")
		pending.rest += part
		if goesOn {
			continue
		}
		name, rest, _ := strings.Cut(pending.rest, " ")
		pending.name, pending.rest = strings.ToUpper(name), strings.TrimSpace(rest)
		if err := d.add(pending); err != nil {
			return d, err
		}
		pending = instruction{}
	}
	if pending.line != 0 {
		return d, fmt.Errorf("line %d goes on behind the end", pending.line)
	}
	return d, nil
}

func (d *dockerfile) add(i instruction) error {
	last := len(d.stages) - 1
	switch {
	case i.name == "FROM":
		words := strings.Fields(i.rest)
		if len(words) != 3 || words[1] != "AS" {
			return fmt.Errorf("line %d: want FROM image AS stage", i.line)
		}
		d.stages = append(d.stages, stage{name: words[2], base: words[0]})
	case last < 0:
		d.global = append(d.global, i)
	default:
		d.stages[last].instructions = append(d.stages[last].instructions, i)
	}
	return nil
}

// list is the words of an instruction in the form of a JSON list.
func (i instruction) list() (words []string, err error) {
	if err := json.Unmarshal([]byte(i.rest), &words); err != nil {
		return nil, fmt.Errorf("line %d: %s: want a list: %w", i.line, i.name, err)
	}
	return words, nil
}

// pairs are KEY=VALUE, or KEY="VALUE".
func (i instruction) pairs() (map[string]string, error) {
	pairs, rest := map[string]string{}, i.rest
	for rest != "" {
		key, after, found := strings.Cut(rest, "=")
		if !found {
			return nil, fmt.Errorf("line %d: %s: want KEY=VALUE, got %q", i.line, i.name, rest)
		}
		end := " "
		if quoted, is := strings.CutPrefix(after, `"`); is {
			after, end = quoted, `"`
		}
		pairs[key], rest, _ = strings.Cut(after, end)
		rest = strings.TrimSpace(rest)
	}
	return pairs, nil
}

// ignored are the paths that .dockerignore keeps from the build. It has no patterns.
func ignored(root string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	paths := map[string]bool{}
	for path := range strings.FieldsSeq(string(text)) {
		if strings.ContainsAny(path, "*?[!#") {
			return nil, fmt.Errorf(".dockerignore: %s is a pattern, which this test does not know", path)
		}
		paths[filepath.Clean(path)] = true
	}
	return paths, nil
}

func TestParseDockerfile(t *testing.T) {
	t.Parallel()
	got, err := parseDockerfile("# x\nARG A=1\n\nFROM golang:$A AS build\nrun one && \\\n  # y\n  two\nFROM scratch AS last\nCMD [\"a\", \"b\"]\n")
	want := dockerfile{
		global: []instruction{{2, "ARG", "A=1"}},
		stages: []stage{
			{"build", "golang:$A", []instruction{{5, "RUN", "one && two"}}},
			{"last", "scratch", []instruction{{9, "CMD", `["a", "b"]`}}},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(dockerfile{}, stage{}, instruction{})); diff != "" || err != nil {
		t.Errorf("parseDockerfile: %v (-want +got):\n%s", err, diff)
	}
	words, err := want.stages[1].instructions[0].list()
	if diff := cmp.Diff([]string{"a", "b"}, words); diff != "" || err != nil {
		t.Errorf("list: %v (-want +got):\n%s", err, diff)
	}
	pairs, err := instruction{rest: `a=1 b="2 3" c=4`}.pairs()
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2 3", "c": "4"}, pairs); diff != "" || err != nil {
		t.Errorf("pairs: %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"FROM x", "FROM x AS y\nRUN a \\"} {
		if _, err := parseDockerfile(text); err == nil {
			t.Errorf("parseDockerfile(%q) did not fail", text)
		}
	}
}
