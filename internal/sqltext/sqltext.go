// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// Analysis is what a text says about itself. Its strings share the text's memory.
type Analysis struct {
	// Operation is the first operation in upper case, with the kind of object for
	// DDL: SELECT, INSERT, CREATE TABLE, TRUNCATE TABLE, CALL, BEGIN. A statement
	// that begins with WITH has its main operation, one that begins with FROM
	// (HQL, DuckDB) has SELECT. It is empty for what is not SQL.
	Operation string
	// Collections are the tables and views that the operations work on, each once,
	// in order of appearance and as written. Names that WITH defines are not among
	// them. There are at most 64.
	Collections []string
	// Procedure is the first stored procedure that is called, as written.
	Procedure string
	// Summary is db.query.summary: the operations and their targets in order and as
	// written, with no token cut, at most 255 characters.
	Summary string
	// HasLiterals says that Sanitize finds a literal in the text.
	HasLiterals bool
	// HasBinds says that the text has bind variables or placeholders: ?, :1, :name,
	// $1, @p1, %s, %(name)s. Variables that the text itself declares or sets and the
	// argument names of a call do not count.
	HasBinds bool
	// Truncated says that the text ends inside a quote or a comment.
	Truncated bool
}

// Analyze reads a text by the rules of a dialect. It never fails: what it does not
// understand has no operation.
func Analyze(text string, d Dialect) Analysis {
	a, _ := run(text, d, true, false)
	return a
}

// AnalyzeAndSanitize is Analyze and Sanitize in one pass.
func AnalyzeAndSanitize(text string, d Dialect) (Analysis, string) {
	return run(text, d, true, true)
}

// Sanitize returns the text with every literal replaced by ?, by the rules of a
// dialect, and without comments and hints. A list after IN that holds nothing but
// literals and placeholders becomes (?). Identifiers, bind variables, NULL, TRUE and
// FALSE stay, as does all white space. What the dialect cannot tell from a literal,
// and what an open quote or comment leaves undecided, is replaced too. A text with
// nothing to replace comes back as it is.
func Sanitize(text string, d Dialect) string {
	_, s := run(text, d, false, true)
	return s
}
