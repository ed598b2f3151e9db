package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"
)

// advice is what to do about an error of the YAML parser's, by a part of its words.
//
//nolint:gochecknoglobals // a table
var advice = []struct{ said, meant string }{
	{"tab character", "a tab indents this line; YAML wants spaces"},
	{"mapping values are not allowed", "a colon stands here that does not fit: this line, or the one before it, is indented wrongly, or a value with a colon and a space in it is without quotes"},
	{"did not find expected key", "this line does not fit to the ones before it: indent it as the other fields of its mapping, and look for a quote or bracket that is not closed"},
	{"expected '-' indicator", "this line does not fit to the list before it; indent it as the other elements, with a dash"},
	{"could not find expected ':'", "a name in or before this line has no value; write NAME: VALUE, with a colon and a space"},
	{"expected ',' or ']'", "a list that began with [ is not closed, or lacks a comma"},
	{"expected ',' or '}'", "a mapping that began with { is not closed, or lacks a comma; put a value with a comma, brackets or quotes in it in quotes"},
	{"block sequence entries", "a list cannot begin in the line of its name; write the dash into the next line"},
	{"unexpected end of stream", "a quote is not closed"},
	{"unexpected document indicator", "a quote is not closed"},
	{"escape", "\\ begins an escape in double quotes; write \\\\, or use single quotes"},
	{"unknown anchor", "a value that begins with * is an alias in YAML, and nothing has that name; put the value in quotes"},
	{"alphabetic or numeric", "a value that begins with * or & is an alias or an anchor in YAML; put the value in quotes"},
	{"whitespace or line break", "a value that begins with ! or & is a tag or an anchor in YAML; put the value in quotes"},
	{"comment or", "a value that begins with | or > is a text of several lines in YAML; put the value in quotes"},
	{"indentation indicator", "a value that begins with | or > is a text of several lines in YAML; put the value in quotes"},
	{"tag", "a value that begins with ! is a tag in YAML; put the value in quotes"},
	{"directive", "a line that begins with % is a directive in YAML; put the value in quotes"},
	{"expected node content", "a value is missing here, or a bracket, a brace or a comma is too much before it"},
	{"document start", "something stands behind the end of the document; look for a quote or a bracket that is closed too early"},
	{"control characters", "there is a control character"},
}

// diagnose says what to do about an error of the parser's. Its own words may repeat what was written, so they are not passed on.
func diagnose(raw []byte, err error) Problem {
	if p, ok := brokenJSON(raw); ok {
		return p
	}
	p := Problem{Text: "this is not valid YAML"}
	failed, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return p
	}
	p.Position = Position{failed.Mark.Line, failed.Mark.Column}
	if failed.ContextMark.Line > 0 && strings.Contains(failed.Message, "unexpected end of stream") {
		p.Position = Position{failed.ContextMark.Line, failed.ContextMark.Column} // where the quote was opened
	}
	line := lineOf(raw, p.Line)
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if strings.Contains(failed.Message, "cannot start any token") {
		if first := strings.TrimLeft(line[min(max(p.Column-1, 0), len(line)):], " "); strings.IndexAny(first, "@`%") == 0 {
			p.Text = "a value that begins with " + first[:1] + " has to be in quotes"
			return p
		}
	}
	if i := strings.IndexByte(indent, '\t'); i >= 0 {
		p.Column, p.Text = i+1, advice[0].meant
		return p
	}
	for _, a := range advice {
		if strings.Contains(failed.Message, a.said) {
			p.Text = a.meant
			break
		}
	}
	return p
}

// brokenJSON says where a text that was meant as JSON is broken.
func brokenJSON(raw []byte) (Problem, bool) {
	text := bytes.TrimSpace(raw)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' || !bytes.HasPrefix(bytes.TrimSpace(text[1:]), []byte{'"'}) {
		return Problem{}, false
	}
	var ignored json.RawMessage
	failed, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(raw, &ignored))
	if !ok {
		return Problem{}, false
	}
	before := raw[:min(max(int(failed.Offset)-1, 0), len(raw))]
	at := Position{1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')}
	return Problem{Position: at, Text: "this is not valid JSON from here on: a comma, a quote, a bracket or a brace is missing, or is too much"}, true
}

func lineOf(raw []byte, number int) string {
	for range number - 1 {
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	return string(line)
}
