// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// secrets finds the passwords that are not literals by the rules of the language:
// Oracle's IDENTIFIED BY takes an identifier, SAP HANA's PASSWORD too, and the
// CONNECT of SQL*Plus takes name/password@service. The rest of the statement is
// replaced then, for a password without quotes may hold anything.
func (p *parser) secrets(tok token) {
	if p.writer.masking || p.mask {
		return
	}
	switch tok.kind {
	case tokenWord, tokenName, tokenDouble, tokenVar:
	case tokenPunct:
		return
	default:
		if p.verb != kwConnect {
			return
		}
	}
	switch {
	case p.prev.kw == kwBy && p.prevKw == kwIdentified:
	case p.secret && len(p.frames) == 1 && p.prev.kw == kwPassword && !isPasswordOption(tok, p.textOf(tok)):
	case p.secret && p.prevKw == kwPassword && p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '=':
	case p.verb == kwConnect && p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '/':
	default:
		return
	}
	p.mask, p.maskFrom = true, tok.start
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
	if !p.mask {
		return
	}
	for isSpace(p.lex.text[end-1]) {
		end--
	}
	p.mask, p.writer.masking = false, false
	p.writer.literal(p.maskFrom, end)
}
