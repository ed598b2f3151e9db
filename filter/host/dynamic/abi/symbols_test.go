package abi_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// optionalHooks are hooks that Envoy looks up and does not miss.
var optionalHooks = map[string]bool{
	"envoy_dynamic_module_on_network_filter_http_callout_done": true,
}

// TestSymbols sees that each Envoy exports every callback that a module of ours needs, and that such a module exports
// every hook whose name the Envoy holds.
func TestSymbols(t *testing.T) {
	t.Parallel()
	module := openELF(t, filepath.Join(buildEcho(t), "libecho.so"))
	needed, err := module.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	hooks := exported(t, module)
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			file, err := stack.EnvoyBinary(t.Context(), version)
			stack.Check(t, err)
			callbacks, checked := exported(t, openELF(t, file)), 0
			for _, s := range needed {
				if !strings.HasPrefix(s.Name, "envoy_dynamic_module_callback_") {
					continue
				}
				if checked++; !callbacks[s.Name] {
					t.Errorf("Envoy does not export %s", s.Name)
				}
			}
			names := hookNames(t, file)
			for name := range names {
				if !hooks[name] && !optionalHooks[name] {
					t.Errorf("the module does not export %s", name)
				}
			}
			if checked == 0 || len(names) == 0 {
				t.Errorf("%d callbacks and %d hooks found, want some", checked, len(names))
			}
			t.Logf("%d callbacks, %d hooks", checked, len(names))
		})
	}
}

func openELF(t *testing.T, file string) *elf.File {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func exported(t *testing.T, f *elf.File) map[string]bool {
	t.Helper()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			names[s.Name] = true
		}
	}
	return names
}

// hookNames are the names that Envoy hands to dlsym for our two extensions: they end with a zero byte.
func hookNames(t *testing.T, file string) map[string]bool {
	t.Helper()
	binary, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names, prefix := map[string]bool{}, "envoy_dynamic_module_on_"
	for at := bytes.Index(binary, []byte(prefix)); at >= 0; at = bytes.Index(binary, []byte(prefix)) {
		binary = binary[at:]
		end := bytes.IndexFunc(binary, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
		name := string(binary[:end])
		ours := strings.HasPrefix(name, prefix+"network_filter_") || strings.HasPrefix(name, prefix+"bootstrap_extension_")
		if ours && binary[end] == 0 && strings.Count(name, prefix) == 1 {
			names[name] = true
		}
		binary = binary[len(prefix):]
	}
	return names
}
