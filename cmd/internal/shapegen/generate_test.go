package main

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const wireDir = "../../../filter/wire"

func TestShapesAreCurrent(t *testing.T) {
	t.Parallel()
	want, err := generate(filepath.Join(wireDir, "testdata", "definitions"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(wireDir, "shapes.go"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("filter/wire/shapes.go is out of date, run: go run ./cmd/internal/shapegen (-want +got):\n%s", diff)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	d, err := parse([]byte(`// A comment.
{
  "apiKey": 7, "type": "request", "name": "AllocateIdRequest",
  // Another.
  "validVersions": "0-3", "flexibleVersions": "2+",
  "fields": [
    { "name": "Count", "type": "uint16", "versions": "0+" },
    { "name": "Url", "type": "string", "versions": "1", "nullableVersions": "1", "about": "As http://example" },
    { "name": "Old", "type": "[]Range", "versions": "0-2" },
    { "name": "Extra", "type": "bytes", "versions": "3+", "taggedVersions": "3+", "tag": 5 }
  ],
  "commonStructs": [ { "name": "Range", "versions": "0+", "fields": [ { "name": "Ids", "type": "[]int64", "versions": "0+" } ] } ]
}`))
	if err != nil {
		t.Fatal(err)
	}
	fixed := definition{Key: 8, Name: "Old", Valid: "0-1", Flexible: "none"}
	got, err := write([]definition{d, fixed})
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(got), "var shapes")
	want := ` = [...]*Shape{ShapeAllocateID, ShapeOld}

// ShapeAllocateID is that of AllocateId requests.
var ShapeAllocateID = &Shape{
	Key: KeyAllocateID, Name: "AllocateId", Defined: Versions{0, 4}, Flexible: 2,
	Fields: []Field{
		{Name: "Count", Size: 2, Versions: Versions{0, Later}},
		{Name: "Url", Type: TypeString, Versions: Versions{1, 2}, Nullable: Versions{1, 2}},
		{Name: "Old", Array: true, Type: TypeStruct, Versions: Versions{0, 3}, Fields: []Field{
			{Name: "Ids", Array: true, Size: 8, Versions: Versions{0, Later}},
		}},
		{Name: "Extra", Type: TypeBytes, Versions: Versions{3, Later}, Tagged: Versions{3, Later}, Tag: 5},
	},
}

// ShapeOld is that of Old requests.
var ShapeOld = &Shape{
	Key: KeyOld, Name: "Old", Defined: Versions{0, 2}, Flexible: Later,
	Fields: []Field{},
}
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("generated (-want +got):\n%s", diff)
	}
}

// What no shape can say is an error that names the field.
func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		`{ "name": "F", "type": "float16", "versions": "0+" }`:                            `F: type "float16"`,
		`{ "name": "F", "type": "string", "versions": "new" }`:                            `F: versions "new"`,
		`{ "name": "F", "type": "string", "versions": "0+", "flexibleVersions": "none" }`: "F: has flexible versions",
		`{ "name": "F", "type": "S", "versions": "0+", "nullableVersions": "0+", "taggedVersions": "0+", "fields": [{ "name": "G", "type": "bool", "versions": "0+" }] }`: "F: is a tagged structure that may be null",
	} {
		d, err := parse([]byte(`{ "apiKey": 7, "name": "XRequest", "validVersions": "0", "flexibleVersions": "0+", "fields": [` + field + `] }`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := write([]definition{d}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", field, err, want)
		}
	}
}

func TestTakeFromJar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	jar := filepath.Join(dir, "kafka.jar")
	f, err := os.Create(jar)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"Good": "// Licensed to all.\n{}", "Bad": "{}"} {
		w, err := z.Create("common/message/" + name + "Request.json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := take(jar, "GoodRequest.json", dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "GoodRequest.json")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"BadRequest.json", "NoRequest.json"} {
		if err := take(jar, name, dir); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
