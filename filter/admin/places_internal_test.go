package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// newTestPlaces plays a process.
func newTestPlaces(t *testing.T) (*Board, *Places) {
	t.Helper()
	b := newTestBoard(t)
	f := newFake()
	t.Cleanup(b.Join(f))
	return b, NewPlaces(b, Options{Log: slog.New(slog.DiscardHandler)})
}

// await asks until the answer is as wanted.
func await(t *testing.T, url string, want int) {
	t.Helper()
	for {
		code, body := fetched(t, "GET", url)
		if code == want {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s = %d, %s, want %d", url, code, body, want)
		}
		<-time.After(time.Millisecond)
	}
}

// freeAddress is one that nobody has, and that the kernel gives nobody soon.
func freeAddress(t *testing.T) string {
	t.Helper()
	l := listening(t)
	defer l.Close()
	return l.Addr().String()
}

// TestPlacesAreShared has a second mesh want the address of a first one, which goes then: nobody is refused meanwhile.
func TestPlacesAreShared(t *testing.T) {
	t.Parallel()
	_, places := newTestPlaces(t)
	address := freeAddress(t)
	first := places.Open(address, false)
	await(t, "http://"+address+"/healthz", http.StatusOK)
	if code, _ := fetched(t, "GET", "http://"+address+"/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("profiles that nobody wants: %d", code)
	}
	second := places.Open(address, true)
	for range 10 {
		if code, body := fetched(t, "GET", "http://"+address+"/healthz"); code != http.StatusOK {
			t.Errorf("while both want it: %d, %s", code, body)
		}
	}
	if code, _ := fetched(t, "GET", "http://"+address+"/debug/pprof/"); code != http.StatusOK {
		t.Errorf("profiles that the second wants: %d", code)
	}
	first()
	first()
	if code, body := fetched(t, "GET", "http://"+address+"/healthz"); code != http.StatusOK {
		t.Errorf("when the first has gone: %d, %s", code, body)
	}
	second()
	await(t, "http://"+address+"/healthz", 0)
}

// TestPlaceThatIsTaken is had as soon as it is free.
func TestPlaceThatIsTaken(t *testing.T) {
	t.Parallel()
	_, places := newTestPlaces(t)
	l := listening(t)
	address := l.Addr().String()
	release := places.Open(address, false)
	defer func() {
		release()
		await(t, "http://"+address+"/healthz", 0)
	}()
	l.Close()
	await(t, "http://"+address+"/healthz", http.StatusOK)
}

// TestSuccessorHasThePlace plays two processes, as in a hot restart: the old one keeps the address until it drains, and the new one
// has it then, with nobody asked to wait.
func TestSuccessorHasThePlace(t *testing.T) {
	t.Parallel()
	oldBoard, oldPlaces := newTestPlaces(t)
	newBoard, newPlaces := newTestPlaces(t)
	oldBoard.process.Host, newBoard.process.Host = "old", "new"
	address := freeAddress(t)
	defer oldPlaces.Open(address, false)()
	await(t, "http://"+address+"/healthz", http.StatusOK)
	releaseNew := newPlaces.Open(address, false)
	if code, body := fetched(t, "POST", "http://"+address+handOverPath); code != http.StatusConflict {
		t.Errorf("one that does not drain gives its address up: %d, %s", code, body)
	}
	oldBoard.Drain()
	for host := ""; host != "new"; {
		var answer status.Status
		if _, body := fetched(t, "GET", "http://"+address+"/status.json"); json.Unmarshal([]byte(body), &answer) == nil {
			host = answer.Process.Host
		}
		if t.Context().Err() != nil {
			t.Fatal("the successor does not get the address")
		}
	}
	releaseNew()
	await(t, "http://"+address+"/readyz", http.StatusServiceUnavailable) // the old one has it again, and is draining
}
