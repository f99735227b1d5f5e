// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// bracket reads a bracket of an array or an index, or a brace of an object or a JDBC
// escape. A comma in it separates elements, not tables.
func (p *parser) bracket(c byte) {
	f := p.top
	switch c {
	case '[', '{':
		if f.bracket < 255 && !p.lex.rules.bracket {
			f.bracket++
		}
		if f.expect == expectCTE || c == '{' && f.expect == expectTable && !p.wordFollows() {
			f.expect = expectNothing // an array or an object
		}
	default:
		if f.bracket > 0 {
			f.bracket--
		}
	}
}

// wordFollows reports whether the next token is a word, as in ODBC's {oj a LEFT JOIN b …},
// and not a literal with a prefix.
func (p *parser) wordFollows() bool {
	i := p.lex.skipBlanks(p.lex.pos)
	n := p.lex.identStart(i)
	if n == 0 {
		return false
	}
	c := p.lex.at(p.lex.identEnd(i + n))
	return isSpace(c) || c == '}' || c == '.'
}

// uncertain is the offset in a list of tables that may have ended unnoticed.
const uncertain = -1

// innerList returns the offset for the list of tables in the parentheses that begin here.
func (p *parser) innerList() int {
	if !p.listsTable() {
		return uncertain
	}
	return p.lex.pos
}

// maxListDepth limits the work of reading lists in parentheses, which each level around
// them reads again.
const maxListDepth = 16

// listsTable reports whether a literal or "…" where a table is expected can only be a
// table. After a comma it can also be a value, if a clause that is not known here has
// ended the list. So all items since FROM or JOIN must have the form of a table. The list
// is read again, but no part of it twice.
func (p *parser) listsTable() bool {
	f := p.top
	if f.list == uncertain {
		return false
	}
	if f.list == 0 || p.prev.kind != tokenPunct || p.lex.text[p.prev.start] != ',' {
		return true // the first table, or a list of DDL
	}
	if len(p.frames) > maxListDepth {
		return false
	}
	sub := p.lex
	sub.pos, sub.probing = f.list, true
	var prev token
	words, depth := 0, 0
	for sub.pos < p.prev.start {
		tok := sub.next(prev)
		switch {
		case tok.kind == tokenComment:
			continue
		case tok.kind == tokenPunct:
			switch c := sub.text[tok.start]; {
			case c == '(':
				depth++
			case c == ')':
				depth--
			case depth > 0:
			case c == ',':
				words = 0
			case c == '.':
				words--
			default:
				f.list = uncertain
				return false
			}
		case depth > 0:
		case tok.kw == kwAs || tok.kw == kwOnly || tok.kw == kwLateral || tok.kw == kwTable:
		default:
			words++ // the name and its alias
			if words > 2 || words == 2 && tok.kw != kwNone && tok.kw != kwDate {
				f.list = uncertain
				return false
			}
		}
		prev = tok
	}
	f.list = p.prev.end
	return true
}

// isPipe reports whether > completes the |> of BigQuery and Spark, after which another
// operator follows. It may also be part of an operator of PostgreSQL.
func (p *parser) isPipe(tok token) bool {
	return p.lex.d == Generic && p.prev.kind == tokenPunct && p.prev.end == tok.start && p.lex.text[p.prev.start] == '|' && p.lex.at(tok.end) != '>'
}

// isIndexHint reports whether a keyword that ends a list of tables elsewhere belongs to
// MySQL's USE INDEX FOR ORDER BY.
func (p *parser) isIndexHint(kw keyword) bool {
	switch kw {
	case kwFor:
		return p.prev.kw == kwIndex
	case kwBy:
		// GROUP and ORDER end other lists themselves. PARTITION BY (…) is Oracle's outer join.
		return p.prev.kw == kwGroup || p.prev.kw == kwOrder || p.peek(p.lex.pos) == '(' && equalWord("PARTITION", p.textOf(p.prev))
	}
	return p.prev.kw == kwFor
}

// isDelta reports whether a word may precede TABLE in DB2's syntax for the rows that a
// statement changes, as in FINAL TABLE.
func isDelta(s string) bool {
	switch len(s) {
	case 3:
		return equalFoldASCII("NEW", s) || equalFoldASCII("OLD", s)
	case 5:
		return equalFoldASCII("FINAL", s)
	default:
		return false
	}
}
