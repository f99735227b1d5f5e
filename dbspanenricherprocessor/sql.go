// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"
	"unicode"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// analyzeSQL analyzes SQL.
func (a *analyzer) analyzeSQL(g grammar, text string) *statement {
	analysis, sanitized := a.read(g, text)
	s := &statement{
		sanitized: sanitized,
		operation: analysis.Operation,
		procedure: analysis.Procedure,
		summary:   analysis.Summary,
		unparsed:  analysis.Operation == "",
	}
	// Not for statements on several tables. Source: semantic conventions, db.sql.table
	// and db.collection.name.
	if len(analysis.Collections) == 1 {
		s.collection = analysis.Collections[0]
	}
	if short := cut(sanitized, a.maxLength); short != sanitized {
		s.sanitized = a.sanitized(g, short)
	}
	switch {
	case analysis.Operation == "" && isName(sanitized) && !strings.EqualFold(sanitized, "END") && !a.mayBeCut(sanitized):
		// The argument of callproc in Python's DB-API. The driver builds the call from it.
		s.operation, s.procedure, s.summary, s.unparsed = callOperation, sanitized, "CALL "+sanitized, false
		return s
	case a.sqlID && g.dialect == sqltext.Oracle && !analysis.Truncated && !isBatch(analysis):
		s.identified, s.definition = true, isDefinition(analysis)
		s.identify(text, a.driver)
	}
	s.shaped = !s.unparsed && !analysis.HasValues()
	s.keepsText = a.sanitize == SanitizeNever || a.sanitize == SanitizeAuto && analysis.HasBinds
	return s
}

// callOperation is the operation of a call.
const callOperation = "CALL"

// isName reports whether the text is only the name of a procedure, possibly with its
// schema and package.
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

// maxName is the length in bytes of three Oracle identifiers of maximum length.
const maxName = 3 * 128

// isBatch reports whether the text is several statements: the Java agent joins those
// of a batch, which Oracle Database parses one by one. A PL/SQL block is one statement.
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

// isDefinition reports whether the statement cannot have bind variables (ORA-01027).
// A "?" in it stands for a literal that was replaced.
func isDefinition(analysis sqltext.Analysis) bool {
	switch verb, _, _ := strings.Cut(analysis.Operation, " "); verb {
	case "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "RENAME":
		return true
	default:
		return false
	}
}
