// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package console holds the page that shows the data stored in a sandbox. Its
// source is TypeScript in src; `make console` builds dist from it.
package console // import "github.com/ociapm/otelcol-ociapm/internal/sandbox/apm/console"

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// AssetsPath is the path of all files except the page itself.
const AssetsPath = "/assets/"

// policy allows the page to load its own script and style and to talk to its
// own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"

//go:embed dist
var dist embed.FS

// types sets the content types, so that they do not depend on the files of the
// machine.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

type file struct {
	content     []byte
	contentType string
	tag         string
}

// Handler serves the page at / and its assets below AssetsPath.
func Handler() http.Handler {
	files, err := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the console supports only GET", http.StatusMethodNotAllowed)
			return
		}
		found, ok := files[r.URL.Path]
		if err != nil || !ok {
			http.Error(w, "the console has no such file", http.StatusNotFound)
			return
		}
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", found.tag)
		if r.Header.Get("If-None-Match") == found.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", found.contentType)
		header.Set("Content-Length", strconv.Itoa(len(found.content)))
		// The browser may have disconnected, and there is nobody else to report to.
		_, _ = w.Write(found.content)
	})
}

// load returns the embedded files by their path in a URL.
func load() (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		contentType := types[path.Ext(name)]
		if contentType == "" {
			contentType = mime.TypeByExtension(path.Ext(name))
		}
		sum := sha256.Sum256(content)
		url := strings.TrimPrefix(name, "dist")
		if url == "/index.html" {
			url = "/"
		}
		files[url] = file{content: content, contentType: contentType, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	return files, err
}
