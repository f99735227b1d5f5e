// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqltext reads SQL as database instrumentations report it: it finds the
// operation, the collections, the stored procedure and the query summary of a text,
// says whether it has literals or bind variables, replaces the literals, and computes
// Oracle's SQL_ID. One walk over the text feeds all of it. The time is linear in the
// length of any text, and no text is an error.
//
// # Summary
//
// The summary follows "Generating a summary of the query" of the OpenTelemetry
// semantic conventions for databases. Where those leave room it agrees with the
// OpenTelemetry Java agent:
//
//   - Statements are separated by a semicolon: "SELECT a; DELETE b".
//   - Names that WITH defines are no targets: WITH x AS (SELECT * FROM a) SELECT *
//     FROM x gives "SELECT a SELECT".
//   - Of a statement that changes data only what it changes is a target, not what it
//     joins; sub-queries are operations of their own: "UPDATE a SELECT b", "MERGE a".
//   - CREATE, ALTER and DROP keep the kind of object but not its modifiers: "CREATE
//     INDEX i" for CREATE UNIQUE INDEX i ON t (c).
//   - GRANT, REVOKE, SHOW and SET stand alone. EXPLAIN precedes what it explains.
//   - FROM without SELECT, as in HQL, counts as SELECT.
//
// Beyond that: the body of a procedure, function or trigger that is created is not
// run, and adds nothing. SET and DECLARE before another statement add nothing. A
// block of PL/SQL is one statement: "BEGIN pkg.proc". The target of UPDATE or DELETE
// that is an alias of a table in FROM gives way to the table.
//
// # Sanitizing
//
// Sanitize meets the conventions' official cases by the rules of every dialect: a
// sign belongs to the number, comments are left out, white space stays. Beside
// literals it replaces the passwords that are none: Oracle's IDENTIFIED BY word.
//
// For a known dialect the text is read as that system reads it. Settings of a server
// can change the rules; the text itself shows it in nearly all cases, because with
// the wrong meaning of a backslash literals and words touch. Where it stays open,
// everything from there on is replaced.
//
// For Generic no literal of any dialect may survive. That costs text in these cases:
//
//   - "…" is taken for a literal, except as part of a name with dots and in the place
//     of a table.
//   - A backslash before a quote, three quotes in a row, # on a line with quotes, a
//     comment inside a comment, and a literal that touches a word end the reading,
//     and the rest becomes one ?, unless the rest reads well in only one way.
//   - [x] is an identifier only if it holds nothing but a name.
//
// In SQLServer and SQLite "…" is an identifier unless it stands where a value is
// compared, assigned or listed: there a setting, or the want of a column, makes it a
// literal. In MySQL it is a literal, although a summary takes it for a table's name
// where only that can stand.
//
// # Why not go-sqllexer
//
// github.com/DataDog/go-sqllexer, which the Collector's redaction processor uses,
// reads Oracle's q'[…]' as an ordinary literal and lets a part of it through,
// collects commands and tables without their order, and normalizes white space. This
// package needs order for the summary, context for the identifiers, and the text
// unchanged around the literals. It is compared with it in the benchmarks.
package sqltext
