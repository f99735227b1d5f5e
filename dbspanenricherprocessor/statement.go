// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

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
	sanitized  string // the text as it leaves
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
		s.sanitized = a.sanitized(g, text)
	}
	return s
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
