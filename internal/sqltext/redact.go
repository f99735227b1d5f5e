// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// writer builds the sanitized text from the pieces of the original.
type writer struct {
	text    string
	out     []byte
	last    int  // up to here the text is in out
	on      bool // nobody wants the result otherwise
	changed bool
	masking bool // inside of what becomes one ?

	list         bool // in parentheses after IN with literals and placeholders only
	listLiterals bool
	listMark     int // length of out, if it were up to date, behind the parenthesis
}

// flush brings the text up to a position into out.
func (w *writer) flush(to int) {
	if !w.changed {
		w.changed = true
		if cap(w.out) < len(w.text) {
			w.out = make([]byte, 0, len(w.text))
		}
	}
	w.out = append(w.out, w.text[w.last:to]...)
}

// literal puts ? in the place of a literal.
func (w *writer) literal(start, end int) {
	if !w.on || w.masking {
		return
	}
	w.listLiterals = true
	w.flush(start)
	w.out = append(w.out, '?')
	w.last = end
}

// drop leaves a comment out. What it kept apart stays apart.
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

// open begins a level of parentheses, after IN perhaps.
func (w *writer) open(end int, in bool) {
	w.list, w.listLiterals = in, false
	w.listMark = len(w.out) + end - w.last
}

// end ends a level of parentheses; start is where the closing one stands.
func (w *writer) end(start int) {
	if w.on && !w.masking && w.list && w.listLiterals {
		w.out = append(w.out[:w.listMark], '?')
		w.last = start
	}
	w.list = false
}

// other says that something else than literals, placeholders and commas stands here.
func (w *writer) other() {
	w.list = false
}

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

// secrets finds the passwords that are not literals by the rules of the language:
// Oracle's IDENTIFIED BY takes an identifier, SAP HANA's PASSWORD too, and the
// CONNECT of SQL*Plus takes name/password@service. The rest of the statement is
// replaced then, for a password without quotes may hold anything.
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

// isPasswordOption reports whether the word after PASSWORD is a setting of MySQL or
// Oracle, not a password.
func isPasswordOption(tok token, s string) bool {
	if tok.kind != tokenWord {
		return false
	}
	if tok.kw == kwNull || tok.kw == kwDefault {
		return true
	}
	for _, w := range [...]string{"EXPIRE", "HISTORY", "REUSE", "REQUIRE", "LIFETIME", "VERIFY"} {
		if len(w) == len(s) && equalFoldASCII(w, s) {
			return true
		}
	}
	return false
}

// endMask replaces what was found to be secret: all up to the end of the statement,
// with what passed for a comment.
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
