// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// grammar is what a statement's text is read as.
type grammar struct {
	language dbspan.Language
	dialect  sqltext.Dialect
}

func grammarOf(system dbspan.System) grammar {
	g := grammar{language: system.Language}
	if g.language == dbspan.LanguageSQL {
		g.dialect = sqltext.DialectOf(system.Stable)
	}
	return g
}

// statement is what an analysis of a statement's text gives. It depends on the
// text, its grammar and the configuration only, and is never changed.
type statement struct {
	form       string // the text as it leaves
	operation  string
	collection string // the only table, collection or container
	procedure  string
	summary    string
	pipeline   string // the operation, if the text is that of a Redis pipeline
	unparsed   bool   // the text should have an operation, but none was found

	sqlID     string // Oracle's SQL_ID of the text
	jdbcSQLID string // the same, if its "?" are JDBC's bind variables
}

// analyzer reads statements and gives them the form in which they leave.
type analyzer struct {
	sanitize  Sanitize
	maxLength int
	sqlID     bool
	obfuscate *obfuscators
}

func newAnalyzer(cfg *Config, sqlID bool) *analyzer {
	return &analyzer{
		sanitize:  cfg.QueryText.Sanitize,
		maxLength: cfg.QueryText.MaxLength,
		sqlID:     sqlID,
		obfuscate: newObfuscators(),
	}
}

// alters tells whether statements may leave in another form than they came.
func (a *analyzer) alters() bool {
	return a.sanitize != SanitizeNever || a.maxLength > 0
}

// analyze reads a statement.
func (a *analyzer) analyze(g grammar, text string) *statement {
	var s *statement
	switch g.language {
	case dbspan.LanguageSQL:
		s = a.analyzeSQL(g, text)
	case dbspan.LanguageRedis, dbspan.LanguageMemcached:
		s = analyzeCommand(g.language, text)
	case dbspan.LanguageMongo:
		s = analyzeMongo(text)
	default:
		s = &statement{}
	}
	if g.language != dbspan.LanguageSQL {
		s.form = a.form(g, text)
	}
	return s
}

func (a *analyzer) analyzeSQL(g grammar, text string) *statement {
	analysis, form := a.read(g, text)
	s := &statement{
		form:      form,
		operation: analysis.Operation,
		procedure: analysis.Procedure,
		summary:   analysis.Summary,
		unparsed:  analysis.Operation == "",
	}
	// Source: semantic conventions, db.sql.table and db.collection.name: not for
	// statements on several tables.
	if len(analysis.Collections) == 1 {
		s.collection = analysis.Collections[0]
	}
	if short := cut(form, a.maxLength); short != form {
		s.form = a.form(g, short)
	}
	if a.sqlID && g.dialect == sqltext.Oracle && !analysis.Truncated {
		s.sqlID, s.jdbcSQLID = oracleSQLIDs(text)
	}
	return s
}

// oracleSQLIDs computes the SQL_ID of a complete text for servers that parsed
// it as it is, and for those that got it through JDBC. Neither is there if the
// server cannot have parsed this text: a tool cut it and said so, or it is for
// the JDBC driver to rewrite.
func oracleSQLIDs(text string) (id, jdbcID string) {
	if strings.HasSuffix(text, "...") || strings.HasSuffix(text, "…") || hasJDBCEscape(text) {
		return "", ""
	}
	if strings.Contains(text, "?") {
		if rewritten, found := sqltext.RewriteJDBCPlaceholders(text); found {
			jdbcID, _ = sqltext.OracleSQLID(rewritten)
			return "", jdbcID
		}
	}
	id, _ = sqltext.OracleSQLID(text)
	return id, id
}

// hasJDBCEscape tells whether the text may have one of JDBC's escapes, such as
// {call p(?)} or {ts '…'}. Source: JDBC specification, escape syntax.
func hasJDBCEscape(text string) bool {
	for {
		brace := strings.IndexByte(text, '{')
		if brace < 0 {
			return false
		}
		text = strings.TrimLeft(text[brace+1:], " \t\r\n")
		if strings.HasPrefix(text, "?") {
			return true
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r < 'A' || 'Z' < r && r < 'a' || 'z' < r })
		if end < 0 {
			end = len(text)
		}
		switch strings.ToLower(text[:min(end, maxJDBCEscape)]) {
		case "call", "d", "t", "ts", "fn", "oj", "escape", "limit", "returning":
			return true
		}
	}
}

// maxJDBCEscape is longer than the words that begin an escape.
const maxJDBCEscape = 10

// analyzeCommand reads a command of Redis or Memcached.
func analyzeCommand(language dbspan.Language, text string) *statement {
	operation, pipeline := firstWord(text), ""
	if language == dbspan.LanguageRedis {
		// What is derived has one spelling: Redis does not mind case, and neither
		// should a count of operations. What an application sends stays.
		operation = strings.ToUpper(operation)
		pipeline = pipelineName(operation, text)
	}
	return &statement{operation: operation, summary: operation, pipeline: pipeline, unparsed: operation == ""}
}

// pipelineName is the operation of a pipeline with one command a line. Source:
// semantic conventions for Redis, db.operation.name.
func pipelineName(operation, text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.EqualFold(firstWord(line), operation) {
			return "PIPELINE"
		}
	}
	if operation == "" {
		return "PIPELINE"
	}
	return "PIPELINE " + operation
}

// maxCommand is longer than the names of all commands, in bytes: something else
// is no name.
const maxCommand = 64

func firstWord(text string) string {
	text = strings.TrimLeft(text, " \t\r\n")
	if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
		text = text[:end]
	}
	if len(text) > maxCommand {
		return ""
	}
	for i := range len(text) {
		if c := text[i] | 0x20; (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("._-0123456789", rune(text[i]))) {
			return ""
		}
	}
	return text
}

// analyzeMongo reads a command of MongoDB, whose first key is its name and the
// value of it the collection.
func analyzeMongo(text string) *statement {
	s := &statement{}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "{") {
		return s
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	tokens := [3]json.Token{}
	for i := range tokens {
		token, err := decoder.Token()
		if err != nil {
			return s
		}
		tokens[i] = token
	}
	name, _ := tokens[1].(string)
	if name = firstWord(name); name == "" || strings.HasPrefix(name, "$") {
		return s
	}
	if collection, ok := tokens[2].(string); ok && collection != "?" {
		s.operation, s.collection = name, collection
		s.summary = name + " " + collection
	}
	return s
}

// read analyzes SQL and sanitizes it if the configuration wants it.
func (a *analyzer) read(g grammar, text string) (sqltext.Analysis, string) {
	if a.sanitize == SanitizeNever {
		return sqltext.Analyze(text, g.dialect), text
	}
	analysis, clean := sqltext.AnalyzeAndSanitize(text, g.dialect)
	if a.sanitize == SanitizeAuto && analysis.HasBinds {
		return analysis, text
	}
	return analysis, orPlaceholder(clean)
}

// maxForms is more rounds than any text needs to come to rest.
const maxForms = 4

// form gives the text the form in which it leaves. What is cut from sanitized
// text may look different from what it was, a quote that stays open for one; it
// is sanitized again, so that a second collector on the way changes nothing.
func (a *analyzer) form(g grammar, text string) string {
	for range maxForms {
		clean := cut(a.clean(g, text), a.maxLength)
		if clean == text {
			break
		}
		text = clean
	}
	return text
}

// clean sanitizes the text if the configuration wants it.
func (a *analyzer) clean(g grammar, text string) string {
	if a.sanitize == SanitizeNever {
		return text
	}
	switch g.language {
	case dbspan.LanguageSQL:
		_, clean := a.read(g, text)
		return clean
	default:
		return orPlaceholder(a.obfuscate.clean(g.language, text))
	}
}

// orPlaceholder stands for a text of which sanitizing left nothing, such as a
// comment: that there was a statement is no secret.
func orPlaceholder(clean string) string {
	if clean == "" {
		return "?"
	}
	return clean
}

// cut shortens text to a number of bytes, between characters. 0 is no limit.
func cut(text string, limit int) string {
	if limit == 0 || len(text) <= limit {
		return text
	}
	end := limit
	for end > limit-utf8.UTFMax && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
