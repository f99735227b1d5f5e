// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// beginsNext reports whether a keyword of a batch of Transact-SQL begins another statement
// although no semicolon ended the last one. Most of these keywords also occur within a
// statement, as in FOR UPDATE, ON DELETE CASCADE, or MERGE … THEN INSERT.
func (p *parser) beginsNext(tok token) bool {
	f, kw, prev := p.top, tok.kw, p.prev.kw
	switch kw {
	case kwSelect, kwInsert, kwUpdate, kwDelete, kwMerge, kwCreate, kwAlter, kwDrop, kwTruncate, kwExec, kwExecute,
		kwBegin, kwCommit, kwRollback, kwDeclare, kwGrant, kwRevoke, kwIf:
	default:
		return false
	}
	if f.nested || f.cases > 0 || p.stmt.mask || !p.mayEndStatement() {
		return false
	}
	switch f.op {
	case kwSelect, kwInsert:
		if (kw == kwSelect || f.op == kwInsert && (kw == kwExec || kw == kwExecute)) && !f.whole {
			return false
		}
	case kwUpdate, kwDelete, kwCreate, kwDrop, kwTruncate, kwExec, kwExecute, kwBegin, kwCommit, kwRollback, kwSet, kwDeclare,
		kwUse, kwFetch, kwEnd:
	case kwAlter: // ALTER TABLE a DROP COLUMN b
		switch kw {
		case kwMerge, kwGrant, kwRevoke:
			return false
		case kwAlter, kwDrop:
			switch p.nextWord(tok.end) {
			case kwTable, kwView, kwProcedure, kwFunction, kwTrigger:
			default:
				return false
			}
		}
	case kwCommand:
		if prev == kwCommand { // BULK INSERT
			return false
		}
	case kwOther:
		if !p.script.block && !p.script.branches {
			return false
		}
	default:
		return false
	}
	return p.continues(tok)
}

// mayEndStatement reports whether a statement may end with the last token.
func (p *parser) mayEndStatement() bool {
	switch prev := p.prev; prev.kind {
	case tokenPunct:
		c := p.lex.text[prev.start]
		return c == ')' || c == '*'
	case tokenWord:
		switch prev.kw {
		case kwOn: // SET NOCOUNT ON
			return p.top.op == kwSet
		case kwNone:
			s := p.textOf(prev)
			// AFTER and BEFORE precede an event, KEY an UPDATE of MySQL.
			return !equalWord("AFTER", s) && !equalWord("BEFORE", s) && !equalWord("KEY", s)
		case kwWith, kwGrant, kwRevoke:
			return false
		case kwValues:
			return p.prevKw == kwDefault
		case kwOutput: // EXEC p @a OUTPUT
			return p.stmt.exec
		case kwOther, kwDefault, kwBoolean:
		default:
			return !prev.kw.beginsOperand()
		}
	}
	return true
}

// continues reports whether what follows a keyword allows it to begin a statement of
// Transact-SQL.
func (p *parser) continues(tok token) bool {
	switch tok.kw {
	case kwInsert, kwUpdate, kwDelete, kwMerge: // not the function UPDATE(column), nor DO UPDATE SET
		i := p.lex.skipBlanks(tok.end)
		switch p.lex.at(i) {
		case '[', '"', '@':
			return true
		}
		next := p.nextWord(i)
		return p.lex.identStart(i) > 0 && next != kwJoin && next != kwSet && next != kwWith && next != kwUnion // MERGE JOIN
	case kwDeclare:
		return p.peek(tok.end) == '@'
	case kwTruncate:
		return p.nextWord(tok.end) == kwTable
	case kwIf: // not DROP COLUMN IF EXISTS a
		i := p.lex.skipBlanks(tok.end)
		return p.nextWord(i) != kwExists || p.peek(i+len("EXISTS")) == '('
	}
	return true
}

// endsTransaction reports whether the END before i is PostgreSQL's or SQLite's statement
// that commits a transaction.
func (p *parser) endsTransaction(i int) bool {
	switch p.res.Operation { // not of a body that is not known here
	case "":
		if p.lex.skipBlanks(0)+len("END") != i {
			return false
		}
	case "BEGIN", "BEGIN TRANSACTION", "START TRANSACTION":
	default:
		return false
	}
	switch p.lex.d {
	case Generic, PostgreSQL, SQLite:
		next := p.nextWord(i)
		return next == kwTransaction || next == kwWork || p.lex.identStart(p.lex.skipBlanks(i)) == 0
	}
	return false
}
