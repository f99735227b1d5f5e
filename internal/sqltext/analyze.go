// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"strings"
	"sync"
)

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

// maxCollections bounds the work of keeping the collections distinct.
const maxCollections = 64

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

// parser follows the tokens of a text.
type parser struct {
	lex     lexer
	writer  writer
	analyze bool // somebody wants the analysis
	res     Analysis
	summary summary

	collections []string
	ctes        []string // names that WITH defines
	frames      []frame
	top         *frame // the last of frames
	deeper      int    // levels of parentheses beyond maxDepth

	prev    token   // the last token that is not a comment
	prevKw  keyword // of the token before prev
	taken   bool    // the word was taken for a name
	pending token   // a name that becomes a target if the next word allows it
	target  string  // what UPDATE or DELETE changes, as written
	aliased token   // the table of FROM whose alias may follow

	// Of the statement.
	verb     keyword
	mainSeen bool // the main operation of WITH has been there
	ddl      bool
	exec     bool // EXEC, whose arguments have names with @
	body     bool // the object that is created has a body
	skip     bool // the rest of the statement is of no interest
	secret   bool // a password may follow PASSWORD
	mask     bool // everything up to the end of the statement is a secret
	maskFrom int

	// Of the text.
	block    bool // in a block of statements: BEGIN … END
	branches bool // behind IF or WHILE of Transact-SQL, which needs no block
	done     bool // the rest is a body that this statement does not run
	weak     bool // only statements that prepare others so far
	settled  bool // an earlier statement gave the operation
	declared bool // has variables of its own
	atBinds  bool // has @name
}

var parsers = sync.Pool{New: func() any { return &parser{frames: make([]frame, 0, 32)} }}

// maxDepth is the number of levels of parentheses that are told apart.
const maxDepth = 1000

// maxPooled is the most that a parser keeps for the next text.
const maxPooled = 1 << 16

// run reads the text once for what is wanted of it.
func run(text string, d Dialect, analyze, sanitize bool) (Analysis, string) {
	p := parsers.Get().(*parser)
	*p = parser{
		lex:         newLexer(text, d),
		frames:      append(p.frames[:0], frame{}),
		ctes:        p.ctes[:0],
		collections: p.collections[:0],
		summary:     summary{buf: p.summary.buf[:0], full: !analyze},
		writer:      writer{text: text, out: p.writer.out[:0], on: sanitize},
		analyze:     analyze,
	}
	p.top = &p.frames[0]

	for {
		tok := p.lex.next()
		if tok.kind == tokenComment {
			p.writer.drop(tok.start, tok.end)
			continue
		}
		if tok.kind == tokenEOF {
			break
		}
		p.token(tok)
	}
	p.endStatement()
	p.endMask(len(text))
	p.res.Truncated = p.lex.truncated
	p.res.HasBinds = p.res.HasBinds || p.atBinds && !p.declared
	p.res.Summary = p.summary.string()
	if len(p.collections) > 0 {
		p.res.Collections = slices.Clone(p.collections)
	}
	res, sanitized := p.res, p.writer.string()

	if cap(p.frames)+cap(p.writer.out) > maxPooled {
		p.frames, p.writer.out = make([]frame, 0, 32), nil
	}
	// The pool must not keep the text alive.
	clear(p.ctes)
	clear(p.collections)
	p.res, p.lex.text, p.writer.text = Analysis{}, "", ""
	parsers.Put(p)
	return res, sanitized
}

func (p *parser) textOf(t token) string { return p.lex.text[t.start:t.end] }

// token takes the next token that is not a comment.
func (p *parser) token(tok token) {
	if p.prev.kw == kwBy || p.secret || p.verb == kwConnect {
		p.secrets(tok)
	}
	switch tok.kind {
	case tokenWord:
		p.writer.other()
		if !inert[tok.kw] || !p.isQuiet() {
			p.word(tok)
		}
	case tokenName:
		p.writer.other()
		if !p.isQuiet() {
			p.name(tok)
		}
	case tokenDouble:
		if p.isIdentifier(tok) {
			p.writer.other()
			p.name(tok)
			break
		}
		p.literal(tok)
	case tokenString, tokenNumber, tokenRest:
		p.literal(tok)
	case tokenBind, tokenAt, tokenVar:
		p.bind(tok)
	case tokenPunct:
		p.punct(tok)
	}
	p.prevKw = p.prev.kw
	if p.taken {
		tok.kw, p.lex.prevKw, p.taken = kwNone, kwNone, false
	}
	p.prev = tok
}

// isQuiet reports whether a name has no meaning where it stands, as in the list of
// SELECT or a condition.
func (p *parser) isQuiet() bool {
	f := p.top
	return f.expect == expectNothing && f.op != kwNone && !f.sources && p.pending.end == 0
}

// literal takes a literal.
func (p *parser) literal(tok token) {
	p.flushPending(tok)
	if p.top.expect == expectTable && (tok.kind == tokenString || tok.kind == tokenDouble) && !p.top.parens && p.namesTable() {
		// The conventions' own example: SELECT * FROM "song list", 'artists'.
		p.table(tok)
	} else {
		p.operand()
	}
	p.res.HasLiterals = true
	p.writer.literal(tok.start, tok.end)
}

// operand says that a value stands where something else may be expected. A literal
// and the placeholder that replaces it must not differ here.
func (p *parser) operand() {
	f := p.top
	switch f.expect {
	case expectProcedure: // EXEC @result = name
	case expectKind: // DEFINER = 'root'@'localhost'
	case expectTransaction:
		if f.op == kwBegin {
			p.beginBlock()
		}
	default:
		if p.prev.kw != kwTop {
			f.expect = expectNothing
		}
	}
}

// namesTable reports whether a literal after FROM names a table in the dialect.
func (p *parser) namesTable() bool {
	switch p.lex.d {
	case Generic, MySQL, SQLite:
		return !p.done && !p.skip && !p.lex.hashes
	}
	return false
}

// isIdentifier reports whether "…", which the dialect or a setting of the server can
// also read as a literal, is an identifier where it stands.
func (p *parser) isIdentifier(tok token) bool {
	switch p.lex.d {
	case SQLServer, SQLite:
		// A literal is only where a value may stand, and even there only in a server
		// with QUOTED_IDENTIFIER off, or for want of a column in SQLite.
		return !p.isValuePlace()
	case Generic:
		switch p.top.expect {
		case expectTable, expectWritten, expectInto, expectObject, expectLocked, expectTruncated, expectCTE:
			return !p.done && !p.skip && !p.lex.hashes && strings.IndexByte(p.textOf(tok), '\\') < 0
		}
	}
	return false
}

// isValuePlace reports whether a value is more likely than a column after the last
// token.
func (p *parser) isValuePlace() bool {
	if p.exec || p.top.values {
		return true
	}
	switch p.prev.kind {
	case tokenPunct:
		switch p.lex.text[p.prev.end-1] {
		case '=', '<', '>':
			return true
		}
	case tokenWord:
		switch p.prev.kw {
		case kwLike, kwBetween, kwThen, kwElse, kwEscape:
			return true
		}
	}
	return false
}

// bind takes a bind variable or a variable.
func (p *parser) bind(tok token) {
	p.flushPending(tok)
	c := p.lex.text[tok.start]
	if c != '?' {
		p.writer.other()
	}
	switch tok.kind {
	case tokenBind:
		if c == '?' || c == '%' || !p.ddl || isDigit(p.lex.at(tok.start+1)) {
			p.res.HasBinds = true
		}
	case tokenAt:
		switch next := p.peek(tok.end); {
		case p.ddl, p.skip, p.lex.d == MySQL: // there it is a variable of the session
		case p.exec && next == '=':
		default:
			p.atBinds = true
		}
	}
	p.operand()
}

// peek returns the first byte from i on that is not blank, or 0.
func (p *parser) peek(i int) byte {
	for i < len(p.lex.text) && isSpace(p.lex.text[i]) {
		i++
	}
	return p.lex.at(i)
}

func (p *parser) punct(tok token) {
	c := p.lex.text[tok.start]
	f := p.top
	switch c {
	case '(':
		p.flushPending(tok)
		p.open()
		p.writer.open(tok.end, p.prev.kw == kwIn)
		return
	case ')':
		p.writer.end(tok.start)
		p.close()
		return
	case ',':
		p.comma()
		return
	case ';':
		p.writer.other()
		p.semicolon(tok)
		return
	case '{', '}':
		// JDBC escapes: {call p(?)}, {? = call f(?)}, {d '…'}.
		p.writer.other()
		return
	case '*':
		p.writer.other()
		return
	}
	p.writer.other()
	if f.expect == expectProcedure && (c == '=' || c == '*') {
		return
	}
	switch f.expect {
	case expectCTE, expectKind:
	case expectTransaction:
		if f.op == kwBegin {
			p.beginBlock()
		}
	default:
		f.expect = expectNothing
	}
	p.dropPending()
}

// open begins a level of parentheses.
func (p *parser) open() {
	f := p.top
	expect, child := f.expect, frame{nested: true}
	switch f.expect {
	case expectTable:
		child.parens, child.tables, child.expect = true, true, expectTable
		f.expect = expectNothing
	case expectWritten, expectInto, expectDeleted:
		child.parens, child.expect = true, f.expect
		f.expect = expectNothing
	case expectCTE:
		// The columns of a name, or a body without one.
	default:
		f.expect = expectNothing
	}
	if p.prev.kw == kwTop {
		f.expect, child = expect, frame{op: kwOther, nested: true}
	}
	switch p.prev.kw {
	case kwValues, kwIn:
		child.values = true
	}
	if f.values && p.prev.kind == tokenPunct {
		child.values = true
	}
	if len(p.frames) == maxDepth {
		p.deeper++
		return
	}
	p.frames = append(p.frames, child)
	p.top = &p.frames[len(p.frames)-1]
}

// close ends a level of parentheses.
func (p *parser) close() {
	p.flushPending(token{})
	if p.deeper > 0 {
		p.deeper--
		return
	}
	if len(p.frames) == 1 {
		p.top.expect = expectNothing
		return
	}
	p.frames = p.frames[:len(p.frames)-1]
	p.top = &p.frames[len(p.frames)-1]
}

func (p *parser) comma() {
	p.flushPending(token{})
	f := p.top
	p.aliased = token{}
	switch {
	case f.op == kwWith && !f.sawFrom:
		f.expect = expectCTE
	case f.tables:
		f.expect = expectTable
	case f.op == kwDrop && f.into, f.op == kwTruncate && f.into:
		f.expect = expectObject
	default:
		f.expect = expectNothing
	}
}

// semicolon ends a statement.
func (p *parser) semicolon(tok token) {
	p.endMask(tok.start)
	if p.done {
		return
	}
	p.endStatement()
	p.frames = p.frames[:1]
	p.frames[0] = frame{}
	p.top = &p.frames[0]
	p.deeper = 0
	p.ctes = p.ctes[:0]
	p.settled = p.res.Operation != "" && !p.weak
	p.skip, p.ddl, p.exec, p.secret, p.mainSeen = false, false, false, false, false
	p.verb = kwNone
	if !p.block {
		p.summary.separate()
	}
}

// endStatement makes a target of the name that waited for the next word.
func (p *parser) endStatement() {
	p.flushPending(token{})
}

// flushPending decides on a name that waited: next is the token behind it.
func (p *parser) flushPending(next token) {
	if p.pending.end != 0 {
		p.decidePending(next)
	}
}

func (p *parser) decidePending(next token) {
	t := p.pending
	p.pending = token{}
	switch p.top.op {
	case kwDelete:
		p.table(t)
	case kwInsert, kwUpsert, kwReplace:
		switch next.kind {
		case tokenPunct:
			if p.lex.text[next.start] == '(' {
				p.table(t)
			}
		case tokenWord:
			switch next.kw {
			case kwValues, kwSelect, kwSet, kwDefault, kwWith, kwExec, kwExecute, kwOutput, kwTable:
				p.table(t)
			}
		}
	}
}

func (p *parser) dropPending() { p.pending = token{} }

// table takes a table, or what stands in its place.
func (p *parser) table(tok token) {
	s := p.textOf(tok)
	p.top.expect = expectNothing
	p.top.into = true
	if p.isCTE(s) {
		return
	}
	if p.top.op == kwUpdate || p.top.op == kwDelete {
		p.target, p.summary.target = s, len(p.summary.buf)
	}
	p.summary.add(s)
	p.collect(s)
}

// source takes a name in a FROM that follows the target of UPDATE or DELETE. If the
// target turns out to be its alias, as in UPDATE b SET x = 1 FROM blogs AS b of SQL
// Server, the table takes the alias's place.
func (p *parser) source(tok token) {
	if p.aliased.end == 0 {
		p.aliased = tok
		return
	}
	if alias := p.textOf(tok); len(alias) != len(p.target) || !strings.EqualFold(alias, p.target) {
		return
	}
	s := p.textOf(p.aliased)
	p.summary.replaceTarget(p.target, s)
	if i := slices.Index(p.collections, p.target); i >= 0 {
		p.collections = slices.Delete(p.collections, i, i+1)
		if !slices.Contains(p.collections, s) {
			p.collections = slices.Insert(p.collections, i, s)
		}
	}
	p.target, p.top.sources = "", false
}

// collect adds a collection.
func (p *parser) collect(s string) {
	if p.analyze && len(p.collections) < maxCollections && !slices.Contains(p.collections, s) {
		p.collections = append(p.collections, s)
	}
}

// maxCTEs bounds the work of telling tables from the names that WITH defines.
const maxCTEs = 64

func (p *parser) isCTE(s string) bool {
	for _, c := range p.ctes {
		if len(c) == len(s) && strings.EqualFold(c, s) {
			return true
		}
	}
	return false
}

// name takes an identifier that is no keyword.
func (p *parser) name(tok token) {
	if p.done || p.skip {
		return
	}
	f := p.top
	p.flushPending(tok)
	switch f.expect {
	case expectTable, expectWritten, expectInto, expectTruncated, expectLocked:
		p.table(tok)
	case expectInserted, expectDeleted:
		p.pending = tok
		f.expect = expectNothing
	case expectObject:
		p.object(tok)
	case expectKind:
		if p.prev.kind != tokenPunct {
			f.expect = expectNothing
		}
	case expectTarget, expectSequence:
		p.summary.add(p.textOf(tok))
		f.expect = expectNothing
	case expectProcedure:
		p.procedure(tok)
	case expectCTE:
		if len(p.ctes) < maxCTEs {
			p.ctes = append(p.ctes, strings.Trim(p.textOf(tok), "\"`[]"))
			if s := p.textOf(tok); len(p.ctes) < maxCTEs && s != p.ctes[len(p.ctes)-1] {
				p.ctes = append(p.ctes, s)
			}
		}
		f.expect = expectNothing
	case expectTransaction:
		f.expect = expectNothing
		if f.op == kwBegin {
			p.beginBlock()
			p.name(tok)
		}
	case expectNothing:
		if f.sources {
			p.source(tok)
		}
		if f.op == kwNone {
			p.firstName(tok)
		}
	}
}

// firstName takes the name that a statement or a level of parentheses begins with.
func (p *parser) firstName(tok token) {
	f, s := p.top, p.textOf(tok)
	f.op = kwOther
	switch {
	case f.nested:
	case !p.block:
		if strings.EqualFold(s, "WHILE") {
			f.op, p.branches = kwIf, true
		}
	case strings.EqualFold(s, "TRY"), strings.EqualFold(s, "CATCH"), strings.EqualFold(s, "ATOMIC"):
		f.op = kwNone // BEGIN TRY
	case strings.EqualFold(s, "FORALL"):
		f.op = kwIf // what it repeats follows
	case p.isCall(tok):
		p.summary.add(s)
		if p.res.Procedure == "" {
			p.res.Procedure = s
		}
	}
}

// isCall reports whether the name at the start of a statement in a block calls a
// procedure.
func (p *parser) isCall(tok token) bool {
	switch s := p.textOf(tok); len(s) {
	case 4, 5, 6, 8, 9:
		for _, w := range [...]string{"EXIT", "RAISE", "RETURN", "CONTINUE", "EXCEPTION", "LEAVE", "WHILE", "ELSIF", "ELSEIF"} {
			if len(w) == len(s) && equalFoldASCII(w, s) {
				return false
			}
		}
	}
	switch p.peek(tok.end) {
	case '(', ';':
		return true
	}
	return false
}

// procedure takes the procedure of a call.
func (p *parser) procedure(tok token) {
	p.top.expect = expectNothing
	if p.peek(tok.end) == '=' {
		return
	}
	s := p.textOf(tok)
	p.summary.add(s)
	prepared := p.verb == kwExecute && (p.lex.d == PostgreSQL || p.lex.d == MySQL)
	if p.res.Procedure == "" && !prepared {
		p.res.Procedure = s
	}
}

// object takes the object of DDL.
func (p *parser) object(tok token) {
	f := p.top
	f.expect = expectNothing
	f.into = true
	s := p.textOf(tok)
	p.summary.add(s)
	if f.tables {
		p.collect(s)
	}
	if f.op != kwDrop && f.op != kwTruncate {
		f.tables = false
	}
	p.done = p.body
}
