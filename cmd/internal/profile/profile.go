// Package profile serves Go's profiles at the address in KAFKAMESH_PROFILE. It is linked only with -tags profile: make bench-profile.
package profile

import (
	"log"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // that is what it is for
	"os"
)

func init() {
	if addr := os.Getenv("KAFKAMESH_PROFILE"); addr != "" {
		go func() { log.Print(http.ListenAndServe(addr, nil)) }() //nolint:gosec // for developers
	}
}
