package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestPage opens the page of a `kafkamesh serve` that has a dead cluster, a load, and clients that ask for what is not to be had: on a
// phone and on a desk, with JavaScript and without. Pictures of it are in build/out.
//
//nolint:paralleltest // browsers take all processors
func TestPage(t *testing.T) {
	b := newBrowser(t)
	page, stop := startShown(t)
	defer stop()
	text, err := stack.Page(t.Context(), http.MethodGet, page)
	stack.Check(t, err)
	for _, want := range []string{
		"1 of 3 clusters cannot be reached", "<h3>kafka_c2", "nobody listens there", "dates-page", "received HTTP", "transactions", "kgo", `<noscript><meta http-equiv="refresh"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	silent := regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(text, "")
	for _, width := range []int{360, 1200} {
		for with, text := range map[string]string{"with": text, "without": silent} {
			l := b.layout(text, width)
			if l.Width != width || l.Scroll > width || len(l.Wide) > 0 {
				t.Errorf("%d pixels wide, %s JavaScript: the page needs %d, and these are outside: %q", l.Width, with, l.Scroll, l.Wide)
			}
			source := page
			if with == "without" {
				source = b.copied(text)
			}
			file := b.shot(source, fmt.Sprintf("page-%d-%s-script.png", width, with), width, l.Height)
			if is, err := os.Stat(file); err != nil || is.Size() < 10_000 {
				t.Errorf("the picture %s: %v", file, err)
			}
		}
	}
	b.shot(page, "page-1200-dark.png", 1200, 1400, "--blink-settings=preferredColorScheme=0")
}

// TestPageRefreshesItself lets twelve seconds pass in a browser: its script is let to run, and asks again.
//
//nolint:paralleltest // browsers take all processors
func TestPageRefreshesItself(t *testing.T) {
	b := newBrowser(t)
	page, stop := startShown(t)
	defer stop()
	target, err := url.Parse(page)
	stack.Check(t, err)
	var asked atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			asked.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer counting.Close()
	dom, console := b.dom(counting.URL+"/", 12*time.Second)
	if asked.Load() < 2 {
		t.Errorf("the page was asked for %d times, want again and again", asked.Load())
	}
	if console != "" {
		t.Errorf("the console says:\n%s", console)
	}
	if !strings.Contains(dom, `<button type="button" id="pause" aria-pressed="false">`) || !strings.Contains(dom, `<span id="stale" role="status"></span>`) {
		t.Errorf("the script has not run, or gets no answer:\n%.2000s", dom)
	}
}

// startShown starts a mesh in front of two clusters that are there and one that is not, has things happen to it, and returns the URL of
// its page, and what ends the load.
func startShown(t *testing.T) (page string, stop func()) {
	t.Helper()
	c1 := stack.Fake(t, stack.FakeOptions{Nodes: 3, More: []kfake.Opt{kfake.SeedTopics(6, "apples-page")}})
	c3 := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(1, "cherries-page")}})
	mesh := stack.Mesh{Addr: stack.Addr(t), Clusters: []stack.MeshCluster{
		{Name: "kafka_c1", Bootstrap: strings.Join(c1.ListenAddrs(), ",")},
		{Name: "kafka_c2", Bootstrap: stack.Addr(t)},
		{Name: "kafka_c3", Bootstrap: c3.Addr()},
	}, Rules: []stack.MeshRule{{Cluster: "kafka_c1", Prefix: "apples"}, {Cluster: "kafka_c2", Prefix: "bananas"}, {Cluster: "kafka_c3", Prefix: "cherries"}}}
	s := stack.Standalone(t, &mesh)
	var admin string
	stack.Wait(t, "the admin listener", func() error {
		if admin = s.Admin(); admin == "" {
			return errors.New("not yet")
		}
		return nil
	})
	page = "http://" + admin + "/"
	loads := []*load{startLoad(t, mesh.Addr, "apples-page"), startLoad(t, mesh.Addr, "cherries-page")}
	happen(t, mesh.Addr)
	stack.Wait(t, "everything on the page", func() error { return shows(t, page) })
	if seconds := stack.EnvInt(t, "PAGE_SECONDS", 0); seconds > 0 { // for pictures with charts
		<-time.After(time.Duration(seconds) * time.Second)
	}
	return page, func() {
		for _, l := range loads {
			l.finish(t)
		}
	}
}

// happen has a topic without a rule asked for, a producer with transactions come, and somebody who speaks HTTP.
func happen(t *testing.T, addr string) {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: new("dates-page")}}
	_, err := request.RequestWith(t.Context(), stack.Client(t, addr))
	stack.Check(t, err)
	transactions := kmsg.NewPtrInitProducerIDRequest()
	transactions.TransactionalID = new("page")
	if _, err = transactions.RequestWith(t.Context(), stack.Client(t, addr)); err == nil {
		t.Error("transactions are not refused")
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	stack.Check(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	stack.Check(t, err)
}

// shows says what the page does not show yet.
func shows(t *testing.T, page string) error {
	t.Helper()
	text, err := stack.Page(t.Context(), http.MethodGet, page+"status.json")
	if err != nil {
		return err
	}
	var s status.Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	m := s.Meshes[0]
	switch {
	case len(m.Clients.Unmatched) == 0 || len(m.Clients.Closings) == 0 || len(m.Clients.Refusals) == 0:
		return errors.New("not all that has happened is shown")
	case m.Clusters[0].Traffic.BytesPerSecond == 0 || m.Clusters[2].Traffic.BytesPerSecond == 0:
		return errors.New("no traffic is shown")
	case m.Clusters[1].State != status.Unreachable:
		return fmt.Errorf("the dead cluster is %s", m.Clusters[1].State)
	}
	return nil
}
