package stack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const pageTimeout = 60 * time.Second

// Page is what a web server answers: Envoy's admin interface, or Go's profiles. It leaves no connection behind, which would be counted. Kinds
// of text such as text/plain are asked for where a server has several.
func Page(ctx context.Context, method, url string, kinds ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", err
	}
	for _, kind := range kinds {
		req.Header.Add("Accept", kind)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &PageError{Asked: method + " " + url, Code: resp.StatusCode, Body: string(body)}
	}
	return string(body), err
}

// PageError is an answer with another code than 200.
type PageError struct {
	Asked string
	Code  int
	Body  string
}

func (e *PageError) Error() string { return fmt.Sprintf("%s: %d: %s", e.Asked, e.Code, e.Body) }
