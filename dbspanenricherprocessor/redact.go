// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// replacement is a text that must not leave the collector, and the one that replaces it.
type replacement struct {
	raw, sanitized string
}

// redactor removes the raw statements of a span from everything else that the span
// carries.
type redactor struct {
	enricher *enricher
	analyzer *analyzer
	grammar  grammar
	pairs    []replacement // the longest raw text first
	clean    string        // the sanitized statement, which was added under other names
	secrets  bool          // remove passwords of connection strings too
	name     spanName
}

// spanName is the last span's name, and the one that replaced it. Most spans of a batch
// have few names.
type spanName struct {
	grammar         grammar
	text, sanitized string
}

const (
	// shortStatement is the minimum length in bytes of a statement that is replaced
	// within other text. A shorter one may occur there by chance.
	shortStatement = 8
	// shortStart is the minimum length in bytes of the start of a statement that is
	// replaced.
	shortStart = 16
)

// redactCopies replaces every copy of the span's statements with the sanitized text. If
// all statements are sanitized, so are all connection strings anywhere in the span.
func (e *enricher) redactCopies(span ptrace.Span, b *batch, g grammar, s *statement) {
	db, r := b.reader.Span, &b.redactor
	t := &db.Sent
	r.enricher, r.analyzer, r.grammar, r.clean = e, e.analyzer, g, s.sanitized
	r.pairs = r.pairs[:0]
	r.secrets = e.cfg.QueryText.Sanitize == SanitizeAlways
	for _, text := range [...]string{t.QueryText, t.Statement, t.APMStatement, t.OriginalSQLText, t.ActualSQLText, t.JDBCQuery} {
		switch text {
		case "":
		case db.Statement:
			r.add(text, s.sanitized)
		default:
			r.add(text, e.statement(g, text, &counts{}).sanitized)
		}
	}
	if r.secrets {
		r.addConnections(span.Attributes(), db)
	}
	if len(r.pairs) == 0 && !r.secrets {
		return
	}
	r.attributes(span.Attributes())
	if e.cfg.QueryText.Sanitize == SanitizeNever {
		return // text that is only too long is not a secret
	}
	if name, ok := r.replaceName(span.Name()); ok {
		span.SetName(name)
	}
	if message, ok := r.replace(span.Status().Message()); ok {
		span.Status().SetMessage(message)
	}
	for _, event := range span.Events().All() {
		if name, ok := r.replaceStatement(event.Name()); ok {
			event.SetName(name)
		}
		r.attributes(event.Attributes())
	}
	for _, link := range span.Links().All() {
		r.attributes(link.Attributes())
	}
}

// addConnections adds the values that may contain the password of a connection string.
func (r *redactor) addConnections(attrs pcommon.Map, db *dbspan.Span) {
	for name, value := range attrs.All() {
		if value.Type() == pcommon.ValueTypeStr && (name == dbspan.AttrUser || dbspan.IsPlace(name)) {
			r.add(value.Str(), dbspan.MaskAttribute(name, value.Str(), db.System))
		}
	}
}

// add adds a text to the list, unless sanitizing did not change it. Longer texts come
// first, because they may contain shorter ones.
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

// attributes redacts all values of a map.
func (r *redactor) attributes(attrs pcommon.Map) {
	for name, value := range attrs.All() {
		if r.secrets && isStatement(name) && value.Type() == pcommon.ValueTypeStr {
			if text, ok := r.replaceStatement(value.Str()); ok {
				value.SetStr(text)
			}
			continue
		}
		r.value(value)
	}
}

// isStatement reports whether an attribute of a span or an event has a statement.
func isStatement(name string) bool {
	switch name {
	case dbspan.AttrStatement, dbspan.AttrQueryText, dbspan.AttrAPMStatement, dbspan.AttrOriginalSQLText, dbspan.AttrActualSQLText:
		return true
	default:
		return strings.HasPrefix(name, jdbcQuery)
	}
}

// jdbcQuery is the prefix of datasource-micrometer's attributes for the statements of a
// batch: jdbc.query[0], jdbc.query[1] and so on.
const jdbcQuery = "jdbc.query["

// value redacts a value, and the values in it.
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

// replace removes raw statements from a text and, with secrets, the passwords of
// connection strings. It reports whether there were any.
func (r *redactor) replace(text string) (string, bool) {
	text, found := r.replaceCopies(text)
	if r.secrets && !found {
		return dbspan.MaskSecrets(text)
	}
	return text, found
}

// replaceStatement is replace for a text that may itself be a statement that no other
// part of the span has.
func (r *redactor) replaceStatement(text string) (string, bool) {
	if replaced, found := r.replaceCopies(text); found || !r.secrets {
		return replaced, found
	}
	return r.sanitizeStatement(text)
}

// replaceName is replaceStatement for the name of a span.
func (r *redactor) replaceName(text string) (string, bool) {
	if replaced, found := r.replaceCopies(text); found || !r.secrets {
		return replaced, found
	}
	if text == r.clean {
		return text, false
	}
	if last := &r.name; last.text != text || last.grammar != r.grammar {
		sanitized, _ := r.sanitizeStatement(text)
		*last = spanName{grammar: r.grammar, text: text, sanitized: sanitized}
	}
	return r.name.sanitized, r.name.sanitized != text
}

// sanitizeStatement sanitizes a text that has no copy of the span's statements but may be
// another one.
func (r *redactor) sanitizeStatement(text string) (string, bool) {
	if text == "" || text == r.clean {
		return text, false
	}
	switch r.grammar.language {
	case dbspan.LanguageSQL, dbspan.LanguageUnknown:
		if s := r.enricher.statement(r.grammar, text, &counts{}); s.operation != "" && s.operation != callOperation {
			return s.sanitized, s.sanitized != text
		}
	case dbspan.LanguageRedis:
		masked, _ := dbspan.MaskSecrets(maskRedisSecrets(text, false))
		return masked, masked != text
	}
	return dbspan.MaskSecrets(text)
}

// replaceCopies removes the raw statements from a text. It reports whether there were
// any.
func (r *redactor) replaceCopies(text string) (string, bool) {
	// A text that is shorter than every statement, and than a start of one, has none.
	if n := len(r.pairs); n == 0 || len(text) < min(shortStart, len(r.pairs[n-1].raw)) {
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
		case len(text) > len(pair.raw) && len(pair.raw) >= shortStatement && strings.Contains(text, pair.raw):
			text, found = strings.ReplaceAll(text, pair.raw, pair.sanitized), true
		case isStart(text, pair.raw):
			if sanitized := r.analyzer.sanitized(r.grammar, text); sanitized != text {
				text, found = sanitized, true
			}
		}
	}
	return text, found
}

// isStart reports whether text is the start of the statement: the instrumentation has cut
// it, with or without dots for the rest.
func isStart(text, statement string) bool {
	if len(text) < shortStart || len(statement) < shortStart || text[:shortStart] != statement[:shortStart] {
		return false // as nearly always
	}
	start := strings.TrimSuffix(strings.TrimSuffix(text, "..."), "…")
	return len(start) >= shortStart && len(start) < len(statement) && strings.HasPrefix(statement, start)
}
