package broker_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var update = flag.Bool("update", false, "rewrite the table of APIs in docs/protocol.md")

// TestDocs compares the table of APIs in docs/protocol.md with APIs.
func TestDocs(t *testing.T) {
	t.Parallel()
	document.Compare(t, "../../docs/protocol.md", "<!-- APIs: go test ./filter/broker -update -->\n", "<!-- end -->", markdown(broker.APIs()), *update)
}

func markdown(apis []broker.API) string {
	var b strings.Builder
	b.WriteString("\n| key | API | versions | flexible from | in short |\n|---|---|---|---|---|\n")
	for _, a := range apis {
		flexible := strconv.Itoa(int(a.Flexible))
		if a.Flexible == wire.Later {
			flexible = "–"
		}
		fmt.Fprintf(&b, "| %d | %s | %d–%d | %s | %s |\n", a.Key, a.Name, a.Min, a.Max, flexible, a.Short)
	}
	return b.String() + "\n"
}

// TestAPIsHaveFiles wants each API in a file that has its key for a name, and each such file to have its API served.
func TestAPIsHaveFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("[0-9]*_*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, a := range broker.APIs() {
		want = append(want, fmt.Sprintf("%02d", a.Key))
	}
	for _, file := range files {
		key, _, _ := strings.Cut(file, "_")
		got = append(got, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("APIs (-) and files (+), by key:\n%s", diff)
	}
}

// TestShapesAreServed wants no shape without an API: metrics have the names of shapes.
func TestShapesAreServed(t *testing.T) {
	t.Parallel()
	var want, got []*wire.Shape
	for _, a := range broker.APIs() {
		want = append(want, a.Shape)
	}
	got = append(got, wire.Shapes()...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("APIs (-) and shapes (+):\n%s", diff)
	}
}

// TestNewerVersionsAreDecidedOn fails when Kafka or kmsg learns a version of an API that nobody has decided about: serve it, or say
// in docs/protocol.md why not, and write down in the API's file that it is decided.
func TestNewerVersionsAreDecidedOn(t *testing.T) {
	t.Parallel()
	for _, api := range broker.APIs() {
		known := max(kmsg.RequestForKey(int16(api.Key)).MaxVersion(), api.Defined.Until-1)
		if known != api.Decided {
			t.Errorf("%s is known up to version %d, decided about is %d", api.Name, known, api.Decided)
		}
	}
}

func TestAPIsAgreeWithKmsg(t *testing.T) {
	t.Parallel()
	for _, a := range broker.APIs() {
		req := kmsg.RequestForKey(int16(a.Key))
		if req.MaxVersion() < a.Max {
			t.Errorf("%s: kmsg knows versions up to %d, we list %d", a.Name, req.MaxVersion(), a.Max)
		}
		for v := a.Min; v <= a.Max; v++ {
			req.SetVersion(v)
			if got, want := v >= a.Flexible, req.IsFlexible(); got != want {
				t.Errorf("%s v%d: flexible = %t, kmsg says %t", a.Name, v, got, want)
			}
		}
		if got := kmsg.NameForKey(int16(a.Key)); !strings.EqualFold(got, a.Name) {
			t.Errorf("key %d is %s, kmsg says %s", a.Key, a.Name, got)
		}
	}
}
