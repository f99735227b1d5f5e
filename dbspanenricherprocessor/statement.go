// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// grammar is the language and the dialect that a statement is read in.
type grammar struct {
	language dbspan.Language
	dialect  sqltext.Dialect
}

// grammarOf returns the grammar of the system's statements.
func grammarOf(system dbspan.System) grammar {
	return grammar{language: system.Language, dialect: system.Dialect}
}

// statement is the result of analyzing a statement's text. It depends only on the
// text, its grammar and the configuration, and is never changed.
type statement struct {
	sanitized  string // the text to send, sanitized and cut as configured
	operation  string
	collection string // the table, collection or container, if there is only one
	procedure  string
	summary    string
	pipeline   string // the operation and the summary, if the text is a pipeline
	unparsed   bool   // no operation was found, although every statement of the language has one

	sqlIDs sqlIDs // Oracle's

	// How another statement of the same shape differs. See sqltext.AppendShape.
	shaped     bool // it differs only in the following
	keepsText  bool // sanitized is the text itself
	identified bool // it has SQL_IDs
	definition bool // it cannot have bind variables
}

// withText returns the analysis of another text of the same shape.
func (s *statement) withText(text string, driver OracleJDBCDriver) *statement {
	other := *s
	other.shaped = false
	if s.keepsText {
		other.sanitized = text
	}
	if s.identified {
		other.identify(text, driver)
	}
	return &other
}

// identify sets the SQL_IDs of a complete text.
func (s *statement) identify(text string, driver OracleJDBCDriver) {
	s.sqlIDs = oracleSQLIDs(text, driver)
	if s.definition && s.sqlIDs.direct == "" { // it has a "?"
		s.sqlIDs.jdbc = ""
	}
}

// shape returns what all statements of the same shape have in common. It shares no memory
// with the text.
func (s *statement) shape() *statement {
	common := *s
	common.operation = strings.Clone(s.operation)
	common.collection = strings.Clone(s.collection)
	common.procedure = strings.Clone(s.procedure)
	common.summary = strings.Clone(s.summary)
	common.sqlIDs = sqlIDs{}
	if s.keepsText {
		common.sanitized = ""
	}
	return &common
}

// analyzer analyzes statements and sanitizes them.
type analyzer struct {
	sanitize  Sanitize
	maxLength int
	sqlID     bool
	driver    OracleJDBCDriver
	obfuscate *obfuscators
}

func newAnalyzer(cfg *Config, sqlID bool) *analyzer {
	return &analyzer{
		sanitize:  cfg.QueryText.Sanitize,
		maxLength: cfg.QueryText.MaxLength,
		sqlID:     sqlID,
		driver:    cfg.OracleJDBCDriver,
		obfuscate: newObfuscators(),
	}
}

// alters reports whether the configuration can change the text of a statement.
func (a *analyzer) alters() bool {
	return a.sanitize != SanitizeNever || a.maxLength > 0
}

// analyze analyzes a text of the grammar.
func (a *analyzer) analyze(g grammar, text string) *statement {
	var s *statement
	switch g.language {
	case dbspan.LanguageSQL:
		s = a.analyzeSQL(g, text)
	case dbspan.LanguageRedis, dbspan.LanguageMemcached:
		s = analyzeCommand(g.language, text)
	case dbspan.LanguageMongo:
		s = analyzeMongo(text, a.mayBeCut(text))
	case dbspan.LanguageUnknown:
		if s = a.analyzeSQL(g, text); s.isPlainSQL() {
			return s
		}
		s = &statement{}
	default:
		s = &statement{}
	}
	if g.language != dbspan.LanguageSQL {
		s.sanitized = a.sanitized(g, text)
	}
	return s
}

// isPlainSQL reports whether a statement in an unknown language is certainly SQL: it reads
// or changes a table.
func (s *statement) isPlainSQL() bool {
	switch s.operation {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return strings.Contains(s.summary, " ")
	default:
		return false
	}
}

// maxCommand is an upper limit for the length of a command in bytes. A longer word is not
// a command.
const maxCommand = 64

// firstWord returns the command that a text begins with, or "" if it begins with
// something else.
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
