// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// expectation is what the next name in a frame is.
type expectation uint8

const (
	expectNothing     expectation = iota
	expectTable                   // a table of FROM or JOIN
	expectWritten                 // the table that UPDATE or MERGE changes
	expectInserted                // after INSERT, without INTO so far
	expectInto                    // after INTO
	expectDeleted                 // after DELETE, without FROM so far
	expectKind                    // after CREATE, ALTER, DROP: a kind of object
	expectObject                  // the object of DDL
	expectTruncated               // after TRUNCATE: TABLE or the table
	expectLocked                  // after LOCK: TABLE or the table
	expectProcedure               // after CALL, EXEC
	expectCTE                     // a name that WITH defines
	expectTarget                  // a target that is not a collection
	expectTransaction             // after BEGIN, COMMIT, ROLLBACK, START
	expectSequence                // after NEXT VALUE FOR
)

// frame is the state of one level of parentheses.
type frame struct {
	op      keyword // the operation that governs; kwNone before the first word
	expect  expectation
	cases   uint8 // open CASE
	tables  bool  // in a list of tables, where a comma brings the next one
	sawFrom bool
	sources bool // in the FROM of UPDATE or DELETE, which may explain the target
	parens  bool // parentheses where a table may stand
	values  bool // parentheses of VALUES or of a list after IN
	into    bool // INSERT, UPDATE or DDL has its target
	multi   bool // INSERT ALL
	nested  bool // not the first level
}

// statementState is what is known of the statement that is being read. A semicolon
// replaces all of it.
type statementState struct {
	verb     keyword // the keyword that begins it
	mainSeen bool    // the main operation of WITH has been there
	ddl      bool
	exec     bool // EXEC, whose arguments have names with @
	body     bool // the object that is created has a body
	skip     bool // the rest of the statement is of no interest

	pending token  // a name that becomes a target if the next word allows it
	target  string // what UPDATE or DELETE changes, as written
	aliased token  // the table of FROM whose alias may follow

	secret   bool // a password may follow PASSWORD
	mask     bool // everything from maskFrom to the end of the statement is a secret
	maskFrom int
}

// scriptState is what is known of all the statements of a text together.
type scriptState struct {
	block    bool // in a block of statements: BEGIN … END
	branches bool // behind IF or WHILE of Transact-SQL, which needs no block
	weak     bool // only statements that prepare others so far
	settled  bool // an earlier statement gave the operation
	declared bool // has variables of its own
	atBinds  bool // has @name
	done     bool // the rest is a body that this text does not run
}
