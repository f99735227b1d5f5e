// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/config/configopaque"
)

const (
	redacted = "[redacted]"
	// minDerived is the minimum length of an encoded form of a secret to look for:
	// shorter ones occur in any text.
	minDerived = 8
)

// userInfo matches the user name and password of a URL. An unescaped password can contain
// a slash or another at sign.
var userInfo = regexp.MustCompile(`(://)[^\s"'<>]*@`)

// secrets has the values that must not appear in any log line, error or status: the data
// keys of the last uploads, and the headers of the configuration. An answer can repeat a
// key, and so can an error if a key was written into the wrong field.
type secrets struct {
	mu    sync.Mutex
	keys  []string // the newest first
	forms []form   // of the keys
	fixed []form
}

// form is a way to write a secret.
type form struct {
	text string
	fold bool // ignore case
}

// maxKeys is how many data keys are remembered: those of concurrent uploads, and their
// successors.
const maxKeys = 4

// newSecrets returns the secrets of a configuration: its data key, if it has one,
// and the values of the headers that it adds.
func newSecrets(key string, headers configopaque.MapList) *secrets {
	s := &secrets{}
	for _, value := range headers.Iter {
		if len(value) >= minDerived {
			s.fixed = append(s.fixed, formsOf(string(value))...)
		}
	}
	s.use(key)
	return s
}

// use records the data key of an upload.
func (s *secrets) use(key string) {
	key = strings.TrimSpace(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "" || len(s.keys) > 0 && s.keys[0] == key {
		return
	}
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(other string) bool { return other == key })
	s.keys = append([]string{key}, keys...)
	s.keys = s.keys[:min(len(s.keys), maxKeys)]
	s.forms = nil
	for _, key := range s.keys {
		s.forms = append(s.forms, formsOf(key)...)
	}
}

// clean returns a text without secrets.
func (s *secrets) clean(text string) string {
	s.mu.Lock()
	forms := slices.Concat(s.fixed, s.forms)
	s.mu.Unlock()
	text = userInfo.ReplaceAllString(text, "${1}"+redacted+"@")
	for _, f := range forms {
		text = f.replace(text)
	}
	return text
}

func (f form) replace(text string) string {
	if !f.fold {
		return strings.ReplaceAll(text, f.text, redacted)
	}
	var out strings.Builder
	for {
		at := indexFold(text, f.text)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at])
		out.WriteString(redacted)
		text = text[at+len(f.text):]
	}
}

// indexFold returns the index of an ASCII part in a text, ignoring case, or -1.
func indexFold(text, part string) int {
	for i := 0; i+len(part) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// formsOf returns the forms that a secret can have in a text, the longest first.
func formsOf(secret string) []form {
	forms := []form{{secret, true}}
	add := func(text string, fold bool) {
		if len(text) >= minDerived && text != secret {
			forms = append(forms, form{text, fold})
		}
	}
	add(url.QueryEscape(secret), true)
	add(url.PathEscape(secret), true)
	add(html.EscapeString(secret), false)
	if quoted, err := json.Marshal(secret); err == nil {
		add(string(quoted[1:len(quoted)-1]), false)
	}
	add(hex.EncodeToString([]byte(secret)), true)
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		// A user name before the secret shifts its base64 by up to two bytes. The
		// characters that depend on the neighbors are left out.
		for before := range 3 {
			encoded := encoding.EncodeToString(append(make([]byte, before), secret...))
			begin := (before*8 + 5) / 6
			end := (before + len(secret)) * 8 / 6
			add(encoded[begin:end], false)
		}
	}
	slices.SortStableFunc(forms, func(a, b form) int { return len(b.text) - len(a.text) })
	return slices.Compact(forms)
}

// cleanError is an error with the secrets removed from its text. errors.Is and
// errors.As still find what it wraps.
type cleanError struct {
	text string
	err  error
}

// Error returns the text without secrets.
func (e *cleanError) Error() string { return e.text }

// Unwrap returns the original error.
func (e *cleanError) Unwrap() error { return e.err }

// cleaned returns the error without secrets in its text.
func (s *secrets) cleaned(err error) error {
	text := err.Error()
	if clean := s.clean(text); clean != text {
		return &cleanError{text: clean, err: err}
	}
	return err
}
