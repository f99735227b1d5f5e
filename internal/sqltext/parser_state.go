// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// expectation is what the next name on a level of parentheses will be.
type expectation uint8

const (
	expectNothing     expectation = iota
	expectTable                   // a table of FROM or JOIN
	expectWritten                 // the table that UPDATE, MERGE or DELETE changes
	expectInserted                // the table after INSERT, before INTO
	expectInto                    // the table after INTO
	expectDeleted                 // the table after DELETE, before FROM
	expectKind                    // a kind of object, after CREATE, ALTER or DROP
	expectObject                  // the object that DDL creates, alters or drops
	expectTruncated               // TABLE or the table, after TRUNCATE or RENAME
	expectLocked                  // TABLE or the table, after LOCK
	expectProcedure               // the procedure, after CALL or EXEC
	expectCTE                     // a name that WITH defines
	expectTarget                  // a target that is no collection, after USE or PRAGMA
	expectTransaction             // TRANSACTION or its mode, after BEGIN, COMMIT, ROLLBACK or START
	expectSequence                // the sequence, after NEXT VALUE FOR
)

// frame is the state of one level of parentheses.
type frame struct {
	op      keyword // the current operation, kwNone before the first word
	expect  expectation
	cases   uint8 // how many CASE are open
	tables  bool  // in a list of tables, where another one follows a comma
	sawFrom bool  // FROM has been read
	sources bool  // in the FROM of UPDATE or DELETE, where the target may be an alias
	parens  bool  // these parentheses stand in the place of a table
	values  bool  // these parentheses hold the values of VALUES or IN
	into    bool  // INSERT, UPDATE or DDL has read its target
	batch   bool  // after BEGIN BATCH of CQL
	multi   bool  // INSERT ALL, which has several targets
	nested  bool  // in parentheses
	params  bool  // these parentheses hold the parameters of a block's own procedure
}

// statementState is what is known about the current statement. A semicolon replaces
// all of it.
type statementState struct {
	verb     keyword // the keyword that begins the statement
	mainSeen bool    // the main operation after WITH has been read
	ddl      bool    // CREATE, ALTER or DROP
	exec     bool    // EXEC, which names its arguments with @
	body     bool    // the object is one that has a body, such as a function
	skip     bool    // the rest of the statement adds nothing to the summary

	qualifier string // the parts of a name that blanks or comments separate, as far as read
	call      token  // a name in a block that is a call if no := follows,
	calls     bool   // if there is one
	function  function
	begins    int    // how many END the body of WITH FUNCTION needs
	hint      bool   // in a hint of Spanner: @{…}
	label     bool   // in a label of a block: <<x>>
	recursive uint8  // how many WITH RECURSIVE have been read ahead
	arguments bool   // in the arguments of EXEC in SQL Server
	procedure int    // where the procedure begins that EXEC names
	inline    bool   // after the statement come rows: COPY … FROM STDIN
	second    string // the second word of the kind of object
	log       bool   // the object is the log of a materialized view, whose table follows ON

	pending token  // a name that is a target if the next token allows it
	target  string // the target of UPDATE or DELETE, as written
	aliased token  // the table in FROM whose alias may follow

	named         bool        // the targets of DELETE are in front of their tables
	beforeTargets summaryMark // the summary before the tables of MySQL's DELETE FROM
	collected     int         // the number of collections before them

	secret   bool // a password may follow PASSWORD
	using    bool // a password may follow USING or KEY
	mask     bool // everything from maskFrom to the end of the statement is a secret
	maskFrom int
}

// function is how far a WITH FUNCTION of Oracle has been read.
type function uint8

const (
	functionNone  function = iota
	functionHead           // before its BEGIN
	functionBody           // between BEGIN and END
	functionEnded          // after END
)

// scriptState is what is known about the text across its statements.
type scriptState struct {
	block    bool // in a block: BEGIN … END
	declares bool // in the declarations of a block

	subprogram bool // a block's own procedure or function is being declared
	bodies     int  // how many END its body still needs
	branches   bool // after IF or WHILE of Transact-SQL, which need no block
	weak       bool // only SET and DECLARE so far, which give way to any other operation
	settled    bool // the operation is that of an earlier statement
	declared   bool // the text declares variables of its own
	atBinds    bool // the text has @name
	done       bool // the rest is a body, which is not run
}
