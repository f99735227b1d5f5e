// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// writer builds the sanitized text from pieces of the original.
type writer struct {
	text    string
	out     []byte
	last    int  // the text before this offset is in out
	on      bool // the sanitized text is wanted
	changed bool // something was replaced or removed
	masking bool // in a secret, which becomes one ?

	list         bool // in parentheses after IN, with only literals and placeholders so far
	listLiterals bool // one of them is a literal
	listMark     int  // the length of out up to the opening parenthesis
}

// flush appends the text up to an offset to out.
func (w *writer) flush(to int) {
	if !w.changed {
		w.changed = true
		if cap(w.out) < len(w.text) {
			w.out = make([]byte, 0, len(w.text))
		}
	}
	w.out = append(w.out, w.text[w.last:to]...)
}

// literal replaces a literal with ?.
func (w *writer) literal(start, end int) {
	if !w.on || w.masking {
		return
	}
	w.listLiterals = true
	w.flush(start)
	w.out = append(w.out, '?')
	w.last = end
}

// drop removes a comment. A space replaces it if the comment separated two tokens.
func (w *writer) drop(start, end int) {
	if !w.on || w.masking {
		return
	}
	w.flush(start)
	w.last = end
	if n := len(w.out); n > 0 && !isSpace(w.out[n-1]) && end < len(w.text) && !isSpace(w.text[end]) {
		w.out = append(w.out, ' ')
	}
}

// open begins a level of parentheses, which holds the list of IN if in is set.
func (w *writer) open(end int, in bool) {
	w.list, w.listLiterals = in, false
	w.listMark = len(w.out) + end - w.last
}

// end ends a level of parentheses; the closing parenthesis is at start. A list of
// literals becomes one ?.
func (w *writer) end(start int) {
	if w.on && !w.masking && w.list && w.listLiterals {
		w.out = append(w.out[:w.listMark], '?')
		w.last = start
	}
	w.list = false
}

// other records that the token is not a literal, a placeholder or a comma.
func (w *writer) other() {
	w.list = false
}

// string returns the sanitized text.
func (w *writer) string() string {
	switch {
	case !w.on:
		return ""
	case !w.changed:
		return w.text
	}
	w.flush(len(w.text))
	return string(w.out)
}

// secrets finds passwords that are not literals in the language. Oracle's IDENTIFIED BY
// and SAP HANA's PASSWORD accept an identifier, SQL*Plus's CONNECT accepts
// name/password@service, and a password follows USING in DB2's CONNECT and in Oracle's
// ENCRYPT USING, and SQLite's PRAGMA key. A password without quotes may contain anything,
// so the rest of the statement is replaced.
func (p *parser) secrets(tok token) {
	if p.writer.masking || p.stmt.mask {
		return
	}
	switch tok.kind {
	case tokenWord, tokenName, tokenDouble, tokenVar:
	case tokenPunct:
		return
	default:
		if p.stmt.verb != kwConnect {
			return
		}
	}
	switch {
	case p.prev.kw == kwBy && p.prevKw == kwIdentified:
	case p.stmt.using && (p.prev.kw == kwUsing || p.stmt.verb == kwCommand && p.prev.kind == tokenWord && equalWord("KEY", p.textOf(p.prev))):
	case p.stmt.using && p.stmt.verb == kwPragma && p.prev.kind == tokenPunct: // key = x, key(x)
	case p.stmt.secret && p.prev.kind == tokenWord && equalWord("SECRET", p.textOf(p.prev)):
	case p.stmt.secret && len(p.frames) == 1 && p.prev.kw == kwPassword && !isPasswordOption(tok, p.textOf(tok)):
	case p.stmt.secret && p.prevKw == kwPassword && p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '=':
	case p.stmt.verb == kwConnect && p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '/':
	default:
		return
	}
	p.stmt.mask, p.stmt.maskFrom = true, tok.start
	p.res.HasLiterals = true
	p.writer.other()
	p.writer.masking = true
}

// equalWord reports whether w equals upper, ignoring case. upper is in upper case.
func equalWord(upper, w string) bool {
	return len(w) == len(upper) && equalFoldASCII(upper, w)
}

// isPasswordOption reports whether the token after PASSWORD, whose text is s, is an
// option of MySQL or Oracle rather than a password.
func isPasswordOption(tok token, s string) bool {
	if tok.kind != tokenWord {
		return false
	}
	switch tok.kw {
	case kwNull, kwDefault, kwFor, kwOther: // SET PASSWORD FOR, SET PASSWORD TO
		return true
	}
	for _, w := range [...]string{"EXPIRE", "HISTORY", "REUSE", "REQUIRE", "LIFETIME", "VERIFY"} {
		if len(w) == len(s) && equalFoldASCII(w, s) {
			return true
		}
	}
	return false
}

// endMask replaces the secret that was found, if any. The secret extends to the end of
// the statement and includes text that was read as comments.
func (p *parser) endMask(end int) {
	if !p.stmt.mask {
		return
	}
	for isSpace(p.lex.text[end-1]) {
		end--
	}
	p.stmt.mask, p.writer.masking = false, false
	p.writer.literal(p.stmt.maskFrom, end)
}
