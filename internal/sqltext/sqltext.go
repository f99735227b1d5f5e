// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// Analysis is what Analyze finds in a text. Its strings share the text's memory.
type Analysis struct {
	// Operation is the first operation in upper case, for DDL with the kind of
	// object: SELECT, INSERT, CREATE TABLE, TRUNCATE TABLE, CALL, BEGIN. For a
	// statement that begins with WITH it is the main operation, for one that begins
	// with FROM (HQL, DuckDB) it is SELECT. It is empty if the text is not SQL.
	Operation string
	// Collections are the tables and views that the operations work on, each once,
	// in order of appearance and as written, without the names that WITH defines.
	// There are at most 64.
	Collections []string
	// Procedure is the first stored procedure that the text calls, as written.
	Procedure string
	// Summary is db.query.summary: the operations and their targets in order and as
	// written, at most 255 characters. It ends before the first entry that does not
	// fit.
	Summary string
	// HasLiterals is whether Sanitize finds a literal in the text.
	HasLiterals bool
	// HasBinds is whether the text has bind variables or placeholders: ?, :1, :name,
	// $1, @p1, %s, %(name)s. Variables that the text itself declares or sets do not
	// count, nor do the names of a call's arguments.
	HasBinds bool
	// Truncated is whether the text ends inside a quote or a comment.
	Truncated bool
}

// Analyze reads a text by the rules of a dialect. It never fails: for a text that it
// does not understand, Operation is empty.
func Analyze(text string, d Dialect) Analysis {
	a, _ := run(text, d, true, false)
	return a
}

// AnalyzeAndSanitize returns the results of Analyze and Sanitize, in one pass.
func AnalyzeAndSanitize(text string, d Dialect) (Analysis, string) {
	return run(text, d, true, true)
}

// Sanitize returns the text with every literal replaced by ?, by the rules of a
// dialect, and without comments and hints. A list after IN that has only literals and
// placeholders becomes (?). Identifiers, bind variables, NULL and IS TRUE stay, and so
// does all white space. Whatever may be a literal by the rules of the dialect is
// replaced too, and so is everything after a quote or a comment that does not end. A
// text with nothing to replace is returned unchanged.
func Sanitize(text string, d Dialect) string {
	_, s := run(text, d, false, true)
	return s
}
