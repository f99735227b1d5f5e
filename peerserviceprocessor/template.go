// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// template is a name that can contain the values of attributes.
type template []part

// part is literal text, or an attribute if its name is not empty.
type part struct {
	literal   string
	attribute attrRef
	// own leaves out values that other databases can have too.
	own bool
}

// text returns the part's text for a span, and whether to write it in lower case.
func (p *part) text(span *spanView) (value string, fold bool) {
	if p.literal != "" {
		return p.literal, false
	}
	return p.attribute.nameOf(span, p.own)
}

// compileTemplate compiles a text with {attribute} parts.
func compileTemplate(text string) (template, error) {
	if text == "" {
		return nil, errors.New("is empty; write a name, or parts such as {db.system}")
	}
	var t template
	for rest := text; rest != ""; {
		brace := strings.IndexAny(rest, "{}")
		if brace < 0 {
			return append(t, part{literal: rest}), nil
		}
		if rest[brace] == '}' {
			return nil, fmt.Errorf(`%q has a "}" that closes nothing; write {attribute}`, text)
		}
		if brace > 0 {
			t = append(t, part{literal: rest[:brace]})
		}
		rest = rest[brace+1:]
		end := strings.IndexAny(rest, "{}")
		if end < 0 || rest[end] == '{' {
			return nil, fmt.Errorf(`%q has a "{" that is not closed; write {attribute}`, text)
		}
		name := rest[:end]
		switch {
		case strings.TrimSpace(name) == "":
			return nil, fmt.Errorf("%q has an empty part; write the name of an attribute between the braces", text)
		case name != strings.TrimSpace(name):
			return nil, fmt.Errorf("%q has spaces around %q; write {%s}", text, name, strings.TrimSpace(name))
		case name == attrPeerService:
			return nil, fmt.Errorf("%q contains %s, the attribute that it sets; write another attribute", text, attrPeerService)
		}
		t = append(t, part{attribute: newAttrRef(name)})
		rest = rest[end+1:]
	}
	return t, nil
}

// constant reports whether the template yields the same name for every span.
func (t template) constant() bool {
	for i := range t {
		if t[i].literal == "" {
			return false
		}
	}
	return true
}

// render returns the name for a span, or false if a part is absent.
func (t template) render(span *spanView) (string, bool) {
	if len(t) == 1 {
		value, fold := t[0].text(span)
		if fold {
			value = strings.ToLower(value)
		}
		return value, value != ""
	}
	// Most names have three parts; longer ones cost one more allocation.
	var space [4]piece
	pieces := space[:0]
	rest, same := span.lastPeer, true
	length := 0
	for i := range t {
		value, fold := t[i].text(span)
		if value == "" {
			return "", false
		}
		pieces = append(pieces, piece{value, fold})
		length += len(value)
		if same {
			rest, same = cutPrefix(rest, value, fold)
		}
	}
	if same && rest == "" {
		return span.lastPeer, true
	}
	var name strings.Builder
	name.Grow(length)
	for _, p := range pieces {
		if p.fold && !isASCII(p.text) {
			p.text = strings.ToLower(p.text)
		}
		for i := range len(p.text) {
			name.WriteByte(lower(p.text[i], p.fold))
		}
	}
	return name.String(), true
}

// piece is the text of a part.
type piece struct {
	text string
	fold bool
}

// cutPrefix is strings.CutPrefix, with the prefix in lower case if fold is set.
func cutPrefix(text, prefix string, fold bool) (string, bool) {
	if !fold {
		return strings.CutPrefix(text, prefix)
	}
	if len(text) < len(prefix) {
		return text, false
	}
	for i := range len(prefix) {
		// Only ASCII is folded here: other letters are not equal byte by byte.
		if prefix[i] >= utf8.RuneSelf || text[i] != lower(prefix[i], true) {
			return text, false
		}
	}
	return text[len(prefix):], true
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lower returns an ASCII letter in lower case if fold is set.
func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
