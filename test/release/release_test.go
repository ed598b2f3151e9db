package release

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// newestGlibc is the newest glibc that a module may need, so that it can be mounted into whatever image somebody's Envoy is in. There is none
// for arm64 before 2.17.
var newestGlibc = map[elf.Machine]string{elf.EM_X86_64: "GLIBC_2.14", elf.EM_AARCH64: "GLIBC_2.17"}

// modules are the shared libraries of a release.
var modules = []string{"libkafkamesh.so", "libkafkamesh-contrib.so"}

// TestReleaseIsWhole makes a release and looks at it as somebody who downloads it.
func TestReleaseIsWhole(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	stack.Check(t, err)
	for _, tool := range []string{"git", "tar", "gzip", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			stack.Check(t, &stack.MissingError{Part: tool, Cure: "install it"})
		}
	}
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "build", "release.sh"), out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("release.sh: %v\n%s", err, text)
	}
	described, err := exec.CommandContext(t.Context(), "git", "-C", root, "describe", "--tags", "--always", "--dirty").Output()
	stack.Check(t, err)
	archives := checksums(t, out)
	if len(archives) != 2 {
		t.Fatalf("archives %v, want one of amd64 and one of arm64", archives)
	}
	for _, archive := range archives {
		t.Run(archive, func(t *testing.T) {
			t.Parallel()
			checkArchive(t, filepath.Join(out, archive), strings.TrimSpace(string(described)))
		})
	}
}

// checkArchive looks at what is in an archive of a version.
func checkArchive(t *testing.T, archive, version string) {
	t.Helper()
	dir := unpack(t, archive)
	for _, file := range []string{
		"LICENSE", "README.md", "CHANGELOG.md", "docs/configuration.md", "envoy.yaml", "examples/standalone/mesh.yaml",
		"licences/go/LICENSE", "licences/github.com/IBM/sarama/LICENSE.md",
	} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	machine := elf.EM_X86_64
	if strings.Contains(archive, "arm64") {
		machine = elf.EM_AARCH64
	}
	for _, module := range modules {
		checkModule(t, filepath.Join(dir, module), machine)
	}
	for _, artifact := range append(modules, "kafkamesh") {
		checkBill(t, dir, artifact, version)
	}
	if machine == elf.EM_X86_64 {
		tryIt(t, dir, version)
	}
}

// checksums compares the files in dir with what SHA256SUMS says, and gives their names.
func checksums(t *testing.T, dir string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has another checksum than %s", name, sum)
		}
		names = append(names, name)
	}
	return names
}

// unpack gives the one folder that is in an archive.
func unpack(t *testing.T, archive string) (dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.Clean("/"+h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = write(path, r, h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.FileInfo().Mode()&0o022 != 0 {
			t.Errorf("%s is of user %d, group %d, mode %s", h.Name, h.Uid, h.Gid, h.FileInfo().Mode())
		}
	}
	found, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(found) != 1 || filepath.Base(found[0])+".tar.gz" != filepath.Base(archive) {
		t.Fatalf("%s holds %v, want one folder of its name", archive, found)
	}
	return found[0]
}

func write(path string, r io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// checkBill compares the bill of materials of an artifact with the modules that Go has noted in it.
func checkBill(t *testing.T, dir, artifact, version string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, artifact+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{bill.Metadata.Component.Name: bill.Metadata.Component.Version}
	for _, c := range bill.Components {
		got[c.Name] = c.Version
	}
	build, err := buildinfo.ReadFile(filepath.Join(dir, artifact))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{build.Main.Path: version, "std": build.GoVersion}
	for _, m := range build.Deps {
		want[m.Path] = m.Version
	}
	if diff := cmp.Diff(want, got); diff != "" || bill.Format != "CycloneDX" || want["github.com/IBM/sarama"] == "" {
		t.Errorf("bill of materials of %s, format %q (-want +got):\n%s", artifact, bill.Format, diff)
	}
}

// checkModule looks at what a module needs of the machine that it is loaded on.
func checkModule(t *testing.T, file string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("%s is for %s, want %s", file, f.Machine, machine)
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Version, "GLIBC_") && newer(s.Version, newestGlibc[machine]) {
			t.Errorf("%s needs %s of %s", filepath.Base(file), s.Name, s.Version)
		}
	}
	if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
		t.Errorf("%s is not stripped", filepath.Base(file))
	}
}

// newer compares versions such as GLIBC_2.31 and GLIBC_2.2.5, whose numbers have two digits at most.
func newer(a, b string) bool {
	pad := func(v string) string {
		parts := strings.Split(strings.TrimPrefix(v, "GLIBC_"), ".")
		for i, p := range parts {
			parts[i] = strings.Repeat("0", 2-len(p)) + p
		}
		return strings.Join(parts, ".")
	}
	return pad(a) > pad(b)
}

// tryIt does what the README says with what was unpacked, and asks the artifacts for their version.
func tryIt(t *testing.T, dir, version string) {
	t.Helper()
	run := func(want, name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+dir)
		if text, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s %s: %v, want %q in\n%s", name, strings.Join(args, " "), err, want, text)
		}
	}
	run("valid", filepath.Join(dir, "kafkamesh"), "validate", "envoy.yaml")
	run("kafkamesh "+version+"\n", filepath.Join(dir, "kafkamesh"), "version")
	envoy, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	run("OK", envoy, "--mode", "validate", "-c", "envoy.yaml")
	run("loaded version="+version+" commit=", envoy, "--mode", "validate", "-c", "envoy.yaml")
}
