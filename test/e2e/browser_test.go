package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// browser is a headless Chromium. Each call starts one, which is gone when it returns.
type browser struct {
	t      *testing.T
	binary string
}

// browserTimeout bounds one call.
const browserTimeout = 2 * time.Minute

func newBrowser(t *testing.T) *browser {
	t.Helper()
	binary, err := stack.Chromium(t.Context())
	stack.Check(t, err)
	return &browser{t, binary}
}

// run starts it with flags, and gives what it has printed, and what it has said of errors.
func (b *browser) run(flags ...string) (out, said string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), browserTimeout)
	defer cancel()
	profile, err := os.MkdirTemp("", "chromium-")
	stack.Check(b.t, err)
	defer os.RemoveAll(profile)
	cmd := exec.CommandContext(ctx, b.binary, append([]string{"--user-data-dir=" + profile, "--enable-logging=stderr"}, flags...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("chromium %s: %v\n%s", strings.Join(flags, " "), err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// dom is what a page has become after so long, and what its console says.
func (b *browser) dom(url string, after time.Duration, flags ...string) (text, console string) {
	b.t.Helper()
	text, said := b.run(append(flags, fmt.Sprintf("--virtual-time-budget=%d", after.Milliseconds()), "--dump-dom", url)...)
	var lines strings.Builder
	for line := range strings.Lines(said) {
		if strings.Contains(line, ":CONSOLE") {
			lines.WriteString(line)
		}
	}
	return text, lines.String()
}

// shot takes a picture of a page into build/out and returns the file.
func (b *browser) shot(url, name string, width, height int, flags ...string) string {
	b.t.Helper()
	root, err := stack.Root()
	stack.Check(b.t, err)
	file := filepath.Join(root, "build", "out", name)
	stack.Check(b.t, os.MkdirAll(filepath.Dir(file), 0o750))
	b.run(append(flags, fmt.Sprintf("--window-size=%d,%d", width, height), "--hide-scrollbars", "--screenshot="+file, url)...)
	return file
}

// layout is how a page lies in a window.
type layout struct {
	Width  int      // of the window
	Scroll int      // the width that the page needs
	Height int      // that it needs
	Wide   []string // elements that are not in the window as a whole
}

// probe measures a page's layout. It is put into a copy of the page: the page's policy lets no script in but its own.
const probe = `<script>addEventListener('load', () => {
  const wide = [...document.querySelectorAll('main *, header *, footer *')].filter((e) => {
    const r = e.getBoundingClientRect();
    const head = e.closest('thead'); // it is out of sight where rows are cards
    return r.width > 1 && (r.right > innerWidth + 0.5 || r.left < -0.5) && (!head || getComputedStyle(head).position !== 'absolute');
  });
  document.documentElement.setAttribute('data-probe', JSON.stringify({
    width: innerWidth, scroll: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
    wide: wide.map((e) => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.slice(0, 40)),
  }));
});</script></body>`

// copied is the URL of a copy of a page.
func (b *browser) copied(text string) string {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "page.html")
	stack.Check(b.t, os.WriteFile(file, []byte(text), 0o600))
	return "file://" + file
}

// layout lays out the text of a page in a window of a width.
func (b *browser) layout(text string, width int) (l layout) {
	b.t.Helper()
	dom, _ := b.dom(b.copied(strings.Replace(text, "</body>", probe, 1)), time.Second, fmt.Sprintf("--window-size=%d,800", width))
	m := regexp.MustCompile(`data-probe="([^"]*)"`).FindStringSubmatch(dom)
	if m == nil {
		b.t.Fatalf("the page was not measured:\n%s", dom)
	}
	stack.Check(b.t, json.Unmarshal([]byte(html.UnescapeString(m[1])), &l))
	return l
}
