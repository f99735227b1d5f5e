// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact removes secrets from texts that are shown.
package redact // import "github.com/ociapm/otelcol-ociapm/internal/redact"

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// Redacted replaces a secret.
	Redacted = "[redacted]"
	// MinLength is the minimum length, in bytes, of an encoded form of a secret to look
	// for: shorter ones occur in any text.
	MinLength = 8
)

// userInfo matches the user name and password of a URL. An unescaped password can contain
// a slash or another at sign.
var userInfo = regexp.MustCompile(`(://)[^\s"'<>]*@`)

// Forms are ways to write secrets.
type Forms []form

type form struct {
	text string
	fold bool // ignore case
}

// Clean returns a text without the forms, and without user names and passwords in URLs.
func Clean(text string, forms Forms) string {
	text = userInfo.ReplaceAllString(text, "${1}"+Redacted+"@")
	for _, f := range forms {
		text = f.replace(text)
	}
	return text
}

func (f form) replace(text string) string {
	if !f.fold {
		return strings.ReplaceAll(text, f.text, Redacted)
	}
	var out strings.Builder
	for {
		at := indexFold(text, f.text)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at])
		out.WriteString(Redacted)
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

// FormsOf returns the forms that a secret can have in a text, the longest first: as it is,
// escaped for a URL, HTML or JSON, and in hexadecimal or base64.
func FormsOf(secret string) Forms {
	forms := Forms{{secret, true}}
	add := func(text string, fold bool) {
		if len(text) >= MinLength && text != secret {
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
