// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// joined returns the whole name of a table that begins with the word tok and has marks
// that are operators elsewhere: the dashes of BigQuery's projects, as in my-project.spa.towels,
// or the slash of Db2 for i, as in SPA/TOWELS.
func (p *parser) joined(tok token) token {
	if c := p.lex.at(tok.end); c != '-' && c != '/' {
		return tok
	}
	switch p.top.expect {
	case expectTable, expectWritten, expectInto, expectInserted, expectDeleted, expectTruncated:
	case expectObject:
		if !p.top.tables {
			return tok
		}
	default:
		return tok
	}
	text, end := p.lex.text, tok.end
	if tok.kw != kwNone && !tok.kw.namesKind() {
		return tok
	}
	if text[end] == '/' {
		if n := p.lex.identStart(end + 1); n > 0 {
			end = p.lex.identEnd(end + 1 + n)
		}
	} else {
		for p.lex.at(end) == '-' && classes[p.lex.at(end+1)]&(classLetter|classDigit) != 0 {
			end = plainEnd(text, end+1)
		}
		whole := p.lex.chain(end)
		if p.lex.at(end) != '.' || whole == end {
			return tok
		}
		end = whole
	}
	if end > tok.end {
		tok.kind, tok.kw, tok.end = tokenName, kwNone, end
		p.lex.pos = end
	}
	return tok
}

// isVersion reports whether the word after FOR selects a version of a table, as in FOR
// SYSTEM_TIME AS OF. Another table may follow.
func (p *parser) isVersion(i int) bool {
	for _, w := range [...]string{"SYSTEM_TIME", "SYSTEM_VERSION", "VERSION", "TIMESTAMP", "BUSINESS_TIME", "APPLICATION_TIME"} {
		if p.nextIs(i, w) {
			return true
		}
	}
	return false
}
