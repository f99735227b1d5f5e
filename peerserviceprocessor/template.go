// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"errors"
	"fmt"
	"strings"
)

// template is a name with parts that are attributes' values.
type template []part

// part is literal text, or an attribute if its name is not empty.
type part struct {
	literal   string
	attribute attrRef
}

// compileTemplate reads text with {attribute} parts.
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
			return nil, fmt.Errorf("%q has blanks around %q; write {%s}", text, name, strings.TrimSpace(name))
		case name == attrPeerService:
			return nil, fmt.Errorf("%q reads %s, which is what it is to set; write another attribute", text, attrPeerService)
		}
		t = append(t, part{attribute: newAttrRef(name)})
		rest = rest[end+1:]
	}
	return t, nil
}

// constant tells whether the template yields the same name for every span.
func (t template) constant() bool {
	for i := range t {
		if t[i].literal == "" {
			return false
		}
	}
	return true
}

// render writes the name for a span. It fails if a part is absent.
func (t template) render(span *spanView) (string, bool) {
	if len(t) == 1 {
		if t[0].literal != "" {
			return t[0].literal, true
		}
		value := t[0].attribute.value(span)
		return value, value != ""
	}
	// Most names have three parts; longer ones cost an allocation more.
	var space [4]string
	values := space[:0]
	rest, same := span.lastPeer, true
	for i := range t {
		value := t[i].literal
		if value == "" {
			value = t[i].attribute.value(span)
		}
		if value == "" {
			return "", false
		}
		values = append(values, value)
		if same {
			rest, same = strings.CutPrefix(rest, value)
		}
	}
	if same && rest == "" {
		return span.lastPeer, true
	}
	return strings.Join(values, ""), true
}
