package stack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const pageTimeout = 60 * time.Second

// Page is what a web server answers: Envoy's admin interface, or Go's profiles. It leaves no connection behind, which would be counted.
func Page(ctx context.Context, method, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, body)
	}
	return string(body), err
}
