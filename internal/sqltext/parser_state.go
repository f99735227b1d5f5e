// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// expectation is the kind of the next name on a level of parentheses.
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
	expectTarget                  // a target that is not a collection, after USE or PRAGMA
	expectTransaction             // TRANSACTION or its mode, after BEGIN, COMMIT, ROLLBACK or START
	expectSequence                // the sequence, after NEXT VALUE FOR
)

// frame is the state of one level of parentheses.
type frame struct {
	op       keyword // the current operation, kwNone before the first word
	expect   expectation
	cases    uint8 // the number of open CASE
	bracket  uint8 // the number of open [ and {
	list     int   // the offset in FROM's list of tables up to which it is certain, or uncertain
	tables   bool  // in a list of tables, where another table follows a comma
	sawFrom  bool  // FROM has been read
	sources  bool  // in the FROM of UPDATE or DELETE, where the target may be an alias
	parens   bool  // these parentheses began where a table was expected
	values   bool  // these parentheses hold the values of VALUES or IN
	compared bool  // a value that is compared follows the opening parenthesis
	into     bool  // INSERT, UPDATE or DDL has read its target
	whole    bool  // a SELECT has begun or INSERT has its VALUES, so another SELECT does not belong to it
	batch    bool  // after BEGIN BATCH of CQL
	multi    bool  // INSERT ALL, which has several targets
	nested   bool  // in parentheses
	params   bool  // these parentheses hold the parameters of a procedure declared in a block
	scope    uint8 // the number of names of WITH outside of this WITH, plus one
}

// statementState is the state of the current statement. A semicolon resets it.
type statementState struct {
	verb     keyword // the keyword that begins the statement
	mainSeen bool    // the main operation after WITH has been read
	ddl      bool    // CREATE, ALTER or DROP
	exec     bool    // EXEC, which names its arguments with @
	body     bool    // the object has a body, as a function does
	skip     bool    // the rest of the statement adds nothing to the summary

	qualifier string // the parts read so far of a name with blanks or comments between its parts
	call      token  // a name in a block that is a call if no := follows
	calls     bool   // call is set
	function  function
	begins    int    // the number of END that the body of WITH FUNCTION still needs
	hint      bool   // in a hint of Spanner: @{…}
	label     bool   // in a label of a block: <<x>>
	recursive uint8  // the number of WITH RECURSIVE that have been read ahead
	arguments bool   // in the arguments of EXEC in SQL Server
	procedure int    // the offset of the procedure that EXEC names
	inline    bool   // rows follow the statement: COPY … FROM STDIN
	second    string // the second word of the kind of object
	log       bool   // the object is the log of a materialized view, whose table follows ON

	betweenAnd int // the offset of the AND of the last BETWEEN

	pending token  // a name that is a target if the next token allows it
	target  string // the target of UPDATE or DELETE, as written
	aliased token  // the table in FROM whose alias may follow

	named         bool        // DELETE names its targets before the tables of FROM or USING
	beforeTargets summaryMark // the summary before the tables of MySQL's DELETE FROM
	collected     int         // the number of collections before them

	secret   bool // a password may follow PASSWORD
	using    bool // a password may follow USING or KEY
	mask     bool // everything from maskFrom to the end of the statement is a secret
	maskFrom int
}

// function is the position in Oracle's WITH FUNCTION.
type function uint8

const (
	functionNone  function = iota
	functionHead           // before its BEGIN
	functionBody           // between BEGIN and END
	functionEnded          // after END
)

// scriptState is the state that lasts across the statements of a text.
type scriptState struct {
	block    bool // in a block: BEGIN … END
	declares bool // in the declarations of a block

	subprogram bool // a procedure or function is being declared in a block
	bodies     int  // the number of END that its body still needs
	branches   bool // after IF or WHILE of Transact-SQL, which need no block
	weak       bool // only SET and DECLARE so far, which any other operation replaces
	settled    bool // an earlier statement has set the operation
	declared   bool // the text declares variables
	atBinds    bool // the text has @name
	done       bool // the rest is a body, which is not run
}
