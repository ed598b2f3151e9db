package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// widgets is a definition of a custom resource.
const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            properties:
              colour: {type: string, enum: [red, blue]}
              sizes: {type: array, items: {type: integer}}
              any: {type: object, x-kubernetes-preserve-unknown-fields: true}
`

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "widgets.yaml"), []byte("---\n"+widgets+"---\n# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
	for _, tc := range []struct{ name, in, pods, out string }{
		{"right", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 1}]}\n", "", ""},
		{"a field that is not known", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{prot: 1}]}\n", "", `-#0 Service/s: unknown field "spec.ports[0].prot"` + "\n"},
		{"another type", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: a}]}\n", "", "-#0 Service/s: json: cannot unmarshal string"},
		{"twice", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {}\nspec: {}\n", "", "-#0 ?: yaml: unmarshal errors:"},
		{"no name", "apiVersion: v1\nkind: Service\n", "", "-#0 Service/: metadata.name is missing\n"},
		{"a stranger", "apiVersion: x/v1\nkind: Stranger\nmetadata: {name: s}\n", "", "-#0 Stranger/s: nobody knows Stranger of x/v1\n"},
		{"the second document", "# nothing\n---\n" + widget + "spec: {any: {thing: 1}, sizes: [1]}\n---\n" + widget + "spec: {colour: green}\n", "", `-#1 Widget/w: spec.colour: Unsupported value: "green"`},
		{"a custom field that is not known", widget + "spec: {color: red}\n", "", `-#0 Widget/w: unknown field "spec.color"` + "\n"},
		{"custom metadata", strings.Replace(widget, "{name: w}", "{name: w, lables: {}}", 1) + "spec: {}\n", "", `-#0 Widget/w: unknown field "metadata.lables"` + "\n"},
		{"something is missing", widget, "", "-#0 Widget/w: spec: Required value\n"},
		{"a pod that may too much", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: c}]}\n", "baseline", "-#0 Pod/p: host namespaces: hostNetwork=true\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			wrong, err := run(strings.NewReader(tc.in), &out, dir, tc.pods, []string{"-"})
			if err != nil || wrong != (tc.out != "") || !strings.HasPrefix(out.String(), tc.out) {
				t.Errorf("run = %v, %v, %q, want %q", wrong, err, &out, tc.out)
			}
		})
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ crds, pods, file string }{{t.TempDir(), "", "-"}, {"", "strict", "-"}, {"", "", "there is no such file"}} {
		if _, err := run(strings.NewReader(""), &bytes.Buffer{}, tc.crds, tc.pods, []string{tc.file}); err == nil {
			t.Errorf("run does not fail with %+v", tc)
		}
	}
}
