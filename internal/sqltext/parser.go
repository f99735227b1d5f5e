// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"sync"
)

// parser reads the tokens of a text one by one and builds the analysis, the summary and
// the sanitized text along the way. It builds no tree: it keeps only the state of each
// level of parentheses, of the statement, and of the text.
type parser struct {
	lex     lexer
	writer  writer
	analyze bool // the analysis is wanted

	// The results so far.
	res         Analysis
	summary     summary
	collections []string

	// The levels of parentheses.
	frames []frame
	top    *frame // the innermost level, the last of frames
	deeper int    // levels beyond maxDepth

	// The last tokens, without comments.
	prev   token
	prevKw keyword // the keyword before prev
	taken  bool    // the current word was read as a name

	ctes     []string // the names that WITH defines, as far as they are visible
	hidden   uint64   // those of ctes whose own query has not ended, as bits
	hiddenAt int      // the depth of that query
	targets  []string // the names before FROM in a DELETE of several tables
	locals   []string // the names that blocks declare
	stmt     statementState
	script   scriptState
}

// parsers is a pool of parsers for reuse.
var parsers = sync.Pool{New: func() any { return &parser{frames: make([]frame, 0, 32)} }}

// maxDepth is the maximum number of levels of parentheses whose state is kept.
const maxDepth = 1000

// maxPooled is the maximum capacity of the buffers that a parser in the pool keeps.
const maxPooled = 1 << 16

// run reads the text once, for the analysis, the sanitized text, or both.
func run(text string, d Dialect, analyze, sanitize bool) (Analysis, string) {
	p := parsers.Get().(*parser)
	p.reset(text, d, analyze, sanitize)
	for {
		tok := p.lex.next(p.prev)
		if tok.kind == tokenComment {
			p.writer.drop(tok.start, tok.end)
			continue
		}
		if tok.kind == tokenEOF {
			break
		}
		p.token(tok)
	}
	p.endStatement(len(text))
	analysis, sanitized := p.analysis(), p.writer.string()
	p.release()
	return analysis, sanitized
}

// reset prepares the parser for a text, and keeps its buffers.
func (p *parser) reset(text string, d Dialect, analyze, sanitize bool) {
	*p = parser{
		lex:         newLexer(text, d),
		writer:      writer{text: text, out: p.writer.out[:0], on: sanitize},
		analyze:     analyze,
		summary:     summary{buf: p.summary.buf[:0], full: !analyze},
		collections: p.collections[:0],
		frames:      append(p.frames[:0], frame{}),
		ctes:        p.ctes[:0],
		targets:     p.targets[:0],
		locals:      p.locals[:0],
	}
	p.top = &p.frames[0]
}

// analysis returns the result at the end of the text.
func (p *parser) analysis() Analysis {
	p.res.Truncated = p.lex.truncated
	p.res.HasBinds = p.res.HasBinds || p.script.atBinds && !p.script.declared
	p.res.Summary = p.summary.string()
	if len(p.collections) > 0 {
		p.res.Collections = slices.Clone(p.collections)
	}
	return p.res
}

// release returns the parser to the pool, without the text and without buffers that only
// a long text needs.
func (p *parser) release() {
	if cap(p.frames)+cap(p.writer.out) > maxPooled {
		p.frames, p.writer.out = make([]frame, 0, 32), nil
	}
	clear(p.ctes[:cap(p.ctes)])
	if cap(p.targets)+cap(p.locals) > 0 {
		clear(p.targets[:cap(p.targets)])
		clear(p.locals[:cap(p.locals)])
	}
	clear(p.collections)
	p.lex, p.writer.text = lexer{}, ""
	p.res, p.stmt = Analysis{}, statementState{}
	parsers.Put(p)
}

// textOf returns the text of a token.
func (p *parser) textOf(t token) string { return p.lex.text[t.start:t.end] }

// token reads a token that is not a comment.
func (p *parser) token(tok token) {
	if p.prev.kw == kwBy || p.stmt.secret || p.stmt.using || p.stmt.verb == kwConnect {
		p.secrets(tok)
	}
	if p.stmt.inline && p.startsData(tok) {
		return
	}
	if p.stmt.calls && len(p.frames) == 1 {
		p.decideCall(tok)
	}
	switch tok.kind {
	case tokenWord:
		if (tok.kw == kwBoolean || p.stmt.arguments) && p.isValueWord(tok) {
			p.literal(tok)
			break
		}
		p.writer.other()
		if !inert[tok.kw] || !p.isQuiet() {
			if p.top.expect != expectNothing && p.lex.d == Generic {
				tok = p.joined(tok)
			}
			p.word(tok)
		}
	case tokenName:
		if p.stmt.arguments && p.isArgument(tok) {
			p.literal(tok)
			break
		}
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
		tok.kw, p.taken = kwNone, false
	}
	p.prev = tok
}

// isQuiet reports whether a name has no effect here, as in the list of SELECT or in a
// condition.
func (p *parser) isQuiet() bool {
	f := p.top
	return f.expect == expectNothing && f.op != kwNone && f.op != kwIf && !f.sources && p.stmt.pending.end == 0 &&
		(f.op != kwInsert || p.lex.d != Generic) // FORMAT may follow
}

// peek returns the first byte at or after i that is neither white space nor in a
// comment, or 0.
func (p *parser) peek(i int) byte { return p.lex.at(p.lex.skipBlanks(i)) }

// punct reads a punctuation mark or an operator.
func (p *parser) punct(tok token) {
	c := p.lex.text[tok.start]
	f := p.top
	if (p.stmt.hint || p.stmt.function != functionNone) && p.stmt.skipsPunct(c) {
		p.writer.other()
		return
	}
	switch c {
	case '.':
		if p.stmt.qualifier != "" || f.op == kwDelete && !f.into {
			return // within a name, or MySQL's DELETE a.*
		}
	case '<', '>':
		if p.label(tok) {
			return
		}
		if c == '>' && p.isPipe(tok) {
			f.tables = false
		}
	case '@':
		if p.stmt.qualifier != "" {
			return // before a database link
		}
		if p.lex.at(tok.end) == '{' { // a hint of Spanner
			p.stmt.hint = true
			p.writer.other()
			return
		}
	case '(':
		p.flushPending(tok)
		p.open(tok)
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
		// JDBC escapes: {call p(?)}, {? = call f(?)}, {d '…'}. An object may also stand here.
		p.bracket(c)
		p.writer.other()
		return
	case '[', ']':
		p.bracket(c)
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
func (p *parser) open(tok token) {
	f := p.top
	expect, child := f.expect, frame{nested: true}
	switch f.expect {
	case expectTable:
		child.parens, child.tables, child.expect = true, true, expectTable
		child.list = p.innerList()
		f.expect = expectNothing
	case expectWritten, expectInto, expectDeleted:
		child.parens, child.expect = true, f.expect
		f.expect = expectNothing
	case expectCTE:
		// The list of columns after the name, or a query without a name.
	default:
		if f.op == kwWith && p.prev.kind == tokenPunct { // WITH a AS (…) (SELECT …)
			p.hidden &= f.outside()
		}
		f.expect = expectNothing
		child.params = f.op == kwProcedure
	}
	switch {
	case p.prev.kw == kwQualify && (p.lex.d == SQLServer || p.lex.d == Generic && equalWord("OPTION", p.textOf(p.prev))): // OPTION (MERGE JOIN)
		child.op = kwOther
	case p.prev.kw == kwTop:
		f.expect, child = expect, frame{op: kwOther, nested: true}
	}
	switch p.prev.kw {
	case kwValues, kwIn:
		child.values = true
	default:
		child.compared = p.isComparing(tok)
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
	if scope := p.top.scope; scope > 0 { // the names of a WITH in a sub-query end with it
		p.ctes = p.ctes[:min(int(scope)-1, len(p.ctes))]
		p.hidden &= p.top.outside()
	}
	p.frames = p.frames[:len(p.frames)-1]
	p.top = &p.frames[len(p.frames)-1]
}

// comma reads a comma, which another table or object may follow.
func (p *parser) comma() {
	f := p.top
	if f.bracket > 0 {
		f.expect = expectNothing // another element
		return
	}
	if f.op != kwDelete || f.into {
		p.flushPending(token{})
	}
	p.stmt.aliased = token{}
	switch {
	case f.op == kwWith && !f.sawFrom:
		f.expect = expectCTE
		p.hidden &= f.outside()
	case f.tables:
		f.expect = expectTable
	case f.params:
		f.op = kwNone // another parameter
	case f.op == kwLock && f.into && !f.nested:
		f.expect = expectInto
	case f.op == kwDelete && !f.nested && p.anotherDeleted():
	case f.op == kwTruncate && f.into: // PostgreSQL's TRUNCATE a, b
		f.expect, f.tables = expectObject, true
	case f.op == kwDrop && f.into:
		f.expect = expectObject
	default:
		f.expect = expectNothing
	}
}

// semicolon ends the statement and begins the next.
func (p *parser) semicolon(tok token) {
	if p.stmt.function != functionNone {
		p.endFunction()
		return
	}
	p.endStatement(tok.start)
	if p.script.done {
		return
	}
	if p.stmt.inline {
		p.inlineData(tok.end)
	}
	if !p.script.block {
		p.summary.separate()
	}
	p.nextStatement()
}

// nextStatement begins a statement after another one.
func (p *parser) nextStatement() {
	p.script.settled = p.res.Operation != "" && !p.script.weak
	p.stmt = statementState{}
	p.ctes, p.targets, p.hidden = p.ctes[:0], p.targets[:0], 0
	p.frames = append(p.frames[:0], frame{})
	p.top, p.deeper = &p.frames[0], 0
}

// endStatement completes the statement that ends at end, including a pending name.
func (p *parser) endStatement(end int) {
	p.flushPending(token{})
	p.remainingTargets()
	p.endMask(end)
}
