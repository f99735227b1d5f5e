// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// Analysis is the result of Analyze. Its strings share the text's memory.
type Analysis struct {
	// Operation is the first operation in upper case, with the kind of object for
	// DDL: SELECT, INSERT, CREATE TABLE, TRUNCATE TABLE, CALL, BEGIN. For a
	// statement that begins with WITH it is the main operation; for one that begins
	// with FROM (HQL, DuckDB) it is SELECT. It is empty if the text is not SQL.
	Operation string
	// Collections are the tables and views that the operations work on, as written,
	// without duplicates and in order of appearance. Names that WITH defines are not
	// included. There are at most 64.
	Collections []string
	// Procedure is the first stored procedure that the text calls, as written.
	Procedure string
	// Summary is db.query.summary: the operations and their targets in order and as
	// written, at most 255 characters. It ends before the first entry that does not
	// fit.
	Summary string
	// HasLiterals reports whether Sanitize finds a literal in the text.
	HasLiterals bool
	// HasBinds reports whether the text has bind variables or placeholders: ?, :1,
	// :name, $1, @p1, %s, %(name)s. Variables that the text itself declares or sets
	// do not count, nor do the names of a call's arguments.
	HasBinds bool
	// Truncated reports whether the text ends inside a quote or a comment.
	Truncated bool
}

// Analyze reads a text by the rules of a dialect. It never fails: if it does not
// understand the text, Operation is empty.
func Analyze(text string, d Dialect) Analysis {
	a, _ := run(text, d, true, false)
	return a
}

// AnalyzeAndSanitize returns the results of Analyze and Sanitize, in one pass.
func AnalyzeAndSanitize(text string, d Dialect) (Analysis, string) {
	return run(text, d, true, true)
}

// Sanitize returns the text with every literal of the dialect replaced by ?, and without
// comments and hints. A list after IN that has only literals and placeholders becomes
// (?). Identifiers, bind variables, NULL, IS TRUE and all white space are kept. Anything
// that may be a literal in the dialect is replaced too, and so is everything after an
// unclosed quote or comment. A text with nothing to replace is returned unchanged.
func Sanitize(text string, d Dialect) string {
	_, s := run(text, d, false, true)
	return s
}
