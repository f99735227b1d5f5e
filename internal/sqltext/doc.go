// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqltext reads SQL as database instrumentations report it. It finds the
// operation, the collections, the stored procedure and the query summary of a text,
// reports whether it has literals or bind variables, and replaces the literals. One pass
// over the text does all of this, in time linear in its length. No text causes an error.
// The package also computes Oracle's SQL_ID.
//
// # How it works
//
// lexer.go splits a text into tokens by the rules of its dialect (dialect.go). The
// scan_*.go files, one for each kind of token, decide where a literal ends. The lexer
// does not depend on the parser.
//
// parser.go reads the tokens one by one and builds no tree. It keeps a state for each
// level of parentheses, for the statement and for the text (parser_state.go). The most
// important part of the state is the kind of the next name. parser_expect.go reads
// words where a name is expected, parser_words.go all other words, parser_names.go
// names, parser_values.go literals and bind variables, and parser_ddl.go the special
// syntax of CREATE, ALTER and DROP. parser_list.go finds where a list of tables ends, and
// parser_compare.go where "…" is compared. They pass operations and targets to summary.go,
// and literals and secrets to redact.go, which writes the sanitized text.
//
// To add a dialect, start in dialect.go; a keyword, in keyword.go.
//
// # Summary
//
// The summary follows "Generating a summary of the query" of the OpenTelemetry
// semantic conventions for databases. Where they leave a choice, it agrees with the
// OpenTelemetry Java agent:
//
//   - A semicolon separates statements: "SELECT a; DELETE b". Transact-SQL needs none:
//     "SELECT a DELETE b".
//   - A name that WITH defines is not a target: WITH x AS (SELECT * FROM a) SELECT *
//     FROM x becomes "SELECT a SELECT". In its own query it is a table, unless recursion
//     is possible or a sub-query has it.
//   - The target of a statement that changes data is the table it changes, not those it
//     joins. Sub-queries are separate operations: "UPDATE a SELECT b", "MERGE a".
//   - CREATE, ALTER and DROP keep the kind of object but not its modifiers: CREATE
//     UNIQUE INDEX i ON t (c) becomes "CREATE INDEX i".
//   - GRANT, REVOKE, SHOW and SET have no target. EXPLAIN precedes the statement that it
//     explains.
//   - FROM without SELECT, as in HQL, counts as SELECT.
//
// In addition: the body of a procedure, a function or a trigger adds nothing, because
// creating one does not run it. SET and DECLARE before another statement add nothing. A
// block of PL/SQL is one statement: "BEGIN pkg.proc". If the target of UPDATE or DELETE
// is an alias of a table in FROM, the summary has the table instead.
//
// # Sanitizing
//
// Sanitize passes the conventions' official cases in every dialect: a sign belongs to
// the number unless it is an operator after an operand, TRUE and FALSE are literals,
// comments are removed, and white space is kept. Besides literals it replaces
//
//   - passwords without quotes, as after Oracle's IDENTIFIED BY, WITH SECRET and ENCRYPT
//     USING, or in SQLite's PRAGMA key,
//   - words that a procedure of SQL Server receives as text, with or without EXEC,
//   - rows of data after COPY … FROM STDIN.
//
// For a known dialect the text is read as that system reads it. Settings of a server
// can change the rules, and the text nearly always shows it: if a backslash is read with
// the wrong meaning, literals touch words. If doubt remains, everything from there on is
// replaced.
//
// For Generic no literal of any dialect may survive. This costs other text in these
// cases:
//
//   - "…" counts as a literal, except as part of a name with dots or where a table is
//     expected. After a comma, one is expected only if the list of tables cannot have
//     ended: FROM a x, "b" but not FROM a JOIN b ON c = d, "e".
//   - A backslash before a quote, three quotes in a row, # on a line with quotes, a
//     comment inside a comment, and a literal that touches a word: the rest of the text
//     becomes one ?, unless it can be read in only one way.
//   - [x] is an identifier only if it looks like a name.
//
// In SQLServer and SQLite "…" is an identifier, except where a value is compared,
// assigned or listed: it may be a literal there, because of a setting or because no
// column has that name. In MySQL it is a literal, but the summary reads it as the name of
// a table where only a table is possible.
//
// # Why not go-sqllexer
//
// The Collector's redaction processor masks literals with
// github.com/DataDog/go-sqllexer. Version 0.2.6, measured with this package's tests:
//
//   - It sanitizes 22 of the 24 official cases correctly. A summary built from its
//     commands, tables and procedures is correct in 14: it does not keep their order,
//     counts JOIN as a command, and reports CREATE without TABLE.
//   - Of 10,000 generated statements with planted literals it leaves a literal in 738
//     in MySQL's dialect, in 2,066 in Oracle's, in 2,206 in PostgreSQL's and in 4,049 in
//     SQL Server's: a part of Oracle's q'[O'Brien]', the literal after b, nq and E,
//     PostgreSQL's $tag$ with letters beyond ASCII, -0x1F, money. If it also replaces
//     the digits of all words, including those of names, it still leaves one in 165,
//     1,585, 1,767 and 3,709. This package leaves none in ten million.
//   - For a statement of 500 bytes it takes 7.2 µs to replace the literals, and 10.2 µs
//     to collect metadata too. Sanitize takes 1.6 µs, AnalyzeAndSanitize 1.8 µs.
//
// It handles ordinary literals in ordinary text. This package needs the order for the
// summary, the context for identifiers, and unchanged text around the literals, so no
// part of it could be reused.
package sqltext
