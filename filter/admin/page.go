package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page.gohtml
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// page is the page, parsed.
//
//nolint:gochecknoglobals // a constant; a mistake in it is found by every test
var page = template.Must(template.New("page").Funcs(template.FuncMap{"asked": newAsked}).Parse(pageTemplate))

// asked is a table of what was asked for, and what its first column is called.
type asked struct {
	Head string
	Rows []askedView
}

func newAsked(head string, rows []askedView) asked { return asked{head, rows} }

// pagePolicy is what browsers may do with the page: use its own style and script, and ask for it again.
//
//nolint:gochecknoglobals // a constant
var pagePolicy = strings.Join([]string{
	"default-src 'none'", "style-src '" + hash(pageStyle) + "'", "script-src '" + hash(pageScript) + "'",
	"connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page answers with the page, or with its text for a terminal.
func (r *routes) page(w http.ResponseWriter, req *http.Request) {
	m := r.board.now()
	if accept := req.Header.Get("Accept"); strings.Contains(accept, "text/plain") && !strings.Contains(accept, "text/html") {
		plain(w, http.StatusOK, m.text())
		return
	}
	var b bytes.Buffer
	if err := page.Execute(&b, newView(&m)); err != nil {
		r.Log.Error("cannot make the page; please report it", "error", err)
		plain(w, http.StatusInternalServerError, "the page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // who asked may be gone
}
