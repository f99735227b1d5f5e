// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// replacement is a text that must not leave, and what leaves in its place.
type replacement struct {
	raw, sanitized string
}

// redactor takes the raw texts of a span's statements out of everything that the
// span carries.
type redactor struct {
	analyzer *analyzer
	grammar  grammar
	pairs    []replacement
}

const (
	// shortStatement is the bytes up to which a statement can stand in other text
	// by chance, and is replaced only where it is all of it.
	shortStatement = 8
	// shortStart is the same for the start of a statement.
	shortStart = 16
)

// redactCopies puts the sanitized text in the place of every copy of the span's statements.
func (e *enricher) redactCopies(span ptrace.Span, db *dbspan.Span, g grammar, s *statement) {
	t := &db.Sent
	var space [5]replacement
	r := redactor{analyzer: e.analyzer, grammar: g, pairs: space[:0]}
	for _, text := range [...]string{t.QueryText, t.Statement, t.APMStatement, t.OriginalSQLText, t.ActualSQLText} {
		switch text {
		case "":
		case db.Statement:
			r.add(text, s.sanitized)
		default:
			r.add(text, e.statement(g, text, &counts{}).sanitized)
		}
	}
	if len(r.pairs) == 0 {
		return
	}
	r.attributes(span.Attributes())
	if e.cfg.QueryText.Sanitize == SanitizeNever {
		return // what is only too long is no secret elsewhere
	}
	if name, ok := r.replace(span.Name()); ok {
		span.SetName(name)
	}
	if message, ok := r.replace(span.Status().Message()); ok {
		span.Status().SetMessage(message)
	}
	for _, event := range span.Events().All() {
		if name, ok := r.replace(event.Name()); ok {
			event.SetName(name)
		}
		r.attributes(event.Attributes())
	}
	for _, link := range span.Links().All() {
		r.attributes(link.Attributes())
	}
}

// add takes a text on the list if it may not leave as it is. The longest comes
// first, since one may be a part of another.
func (r *redactor) add(text, sanitized string) {
	if sanitized == text {
		return
	}
	for _, pair := range r.pairs {
		if pair.raw == text {
			return
		}
	}
	at := 0
	for at < len(r.pairs) && len(r.pairs[at].raw) >= len(text) {
		at++
	}
	r.pairs = append(r.pairs, replacement{})
	copy(r.pairs[at+1:], r.pairs[at:])
	r.pairs[at] = replacement{raw: text, sanitized: sanitized}
}

func (r *redactor) attributes(attrs pcommon.Map) {
	for _, value := range attrs.All() {
		r.value(value)
	}
}

func (r *redactor) value(value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if text, ok := r.replace(value.Str()); ok {
			value.SetStr(text)
		}
	case pcommon.ValueTypeMap:
		r.attributes(value.Map())
	case pcommon.ValueTypeSlice:
		for _, element := range value.Slice().All() {
			r.value(element)
		}
	case pcommon.ValueTypeBytes:
		if text, ok := r.replace(string(value.Bytes().AsRaw())); ok {
			value.Bytes().FromRaw([]byte(text))
		}
	}
}

// replace takes the raw statements out of a text. It tells whether there were
// any.
func (r *redactor) replace(text string) (string, bool) {
	if text == "" {
		return text, false
	}
	found := false
	for i := range r.pairs {
		pair := &r.pairs[i]
		if text == pair.raw {
			return pair.sanitized, true
		}
		if r.analyzer.sanitize == SanitizeNever {
			continue
		}
		switch {
		case len(pair.raw) >= shortStatement && strings.Contains(text, pair.raw):
			text, found = strings.ReplaceAll(text, pair.raw, pair.sanitized), true
		case isStart(text, pair.raw):
			if sanitized := r.analyzer.sanitized(r.grammar, text); sanitized != text {
				text, found = sanitized, true
			}
		}
	}
	return text, found
}

// isStart tells whether text is how the statement begins, cut by whoever made
// it, with or without dots for the rest.
func isStart(text, statement string) bool {
	start := strings.TrimSuffix(strings.TrimSuffix(text, "..."), "…")
	return len(start) >= shortStart && len(start) < len(statement) && strings.HasPrefix(statement, start)
}
