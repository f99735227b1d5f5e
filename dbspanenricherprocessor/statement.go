// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"strings"
	"unicode"
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
	pipeline   string // the operation and summary if the text is a pipeline
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
		s = analyzeMongo(text, a.mayBeCut(text))
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
	switch {
	case analysis.Operation == "" && isName(form) && !a.mayBeCut(form):
		// What callproc of Python's DB-API was given, which makes a statement of it.
		s.operation, s.procedure, s.summary, s.unparsed = "CALL", form, "CALL "+form, false
	case a.sqlID && g.dialect == sqltext.Oracle && !analysis.Truncated && !isBatch(analysis):
		s.sqlID, s.jdbcSQLID = oracleSQLIDs(text)
		if isDefinition(analysis) {
			s.jdbcSQLID = s.sqlID
		}
	}
	return s
}

// mayBeCut tells whether the text is as long as max_length leaves it.
func (a *analyzer) mayBeCut(text string) bool {
	return a.maxLength > 0 && len(text) > a.maxLength-utf8.UTFMax
}

// isName tells whether the text is nothing but the name of a procedure, with
// its schema or package if need be.
func isName(text string) bool {
	if len(text) > maxName || text == "" || strings.Trim(text, ".") != text {
		return false
	}
	for i, r := range text {
		if r != '_' && r != '.' && !unicode.IsLetter(r) && (i == 0 || r != '$' && r != '#' && !unicode.IsDigit(r)) {
			return false
		}
	}
	return true
}

// maxName is three of Oracle's longest identifiers, in bytes.
const maxName = 3 * 128

// isBatch tells whether the text is several statements, which Oracle Database
// parses one by one: the Java agent joins those of a batch. A PL/SQL block, with
// its many statements, is one.
func isBatch(analysis sqltext.Analysis) bool {
	switch verb, _, _ := strings.Cut(analysis.Operation, " "); verb {
	case "BEGIN", "DECLARE":
		return false
	case "CREATE":
		// The body of a procedure or a trigger.
		return strings.Contains(analysis.Summary, "; ") && len(analysis.Collections) > 0
	default:
		return strings.Contains(analysis.Summary, "; ")
	}
}

// isDefinition tells whether the statement cannot have bind variables (ORA-01027):
// a "?" in it is a literal that was taken out.
func isDefinition(analysis sqltext.Analysis) bool {
	switch verb, _, _ := strings.Cut(analysis.Operation, " "); verb {
	case "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "RENAME":
		return true
	default:
		return false
	}
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
		pipeline = pipelineOf(operation, text)
	}
	return &statement{operation: operation, summary: operation, pipeline: pipeline, unparsed: operation == ""}
}

// pipelineOf names a pipeline, which has a command a line; "" if the text is one
// command. Source: semantic conventions for Redis, db.operation.name.
func pipelineOf(operation, text string) string {
	commands := 0
	for line := range strings.Lines(text) {
		next := firstWord(line)
		if next == "" {
			continue
		}
		commands++
		if !strings.EqualFold(next, operation) {
			operation = ""
		}
	}
	switch {
	case commands < 2:
		return ""
	case operation == "":
		return "PIPELINE"
	default:
		return "PIPELINE " + operation
	}
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
func analyzeMongo(text string, mayBeCut bool) *statement {
	s := &statement{}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "{") {
		// Python's instrumentation: the command's name, and what it is about.
		name, rest, _ := strings.Cut(trimmed, " ")
		if !mayBeCut && rest == "" || strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[") || name == "getMore" {
			s.operation = firstWord(name)
		}
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
