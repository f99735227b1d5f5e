// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// maxLocals limits the work of telling procedures from the variables of a block.
const maxLocals = 128

// declare notes a name that a block declares.
func (p *parser) declare(tok token) {
	if len(p.locals) < maxLocals {
		p.locals = append(p.locals, p.textOf(tok))
	}
}

// isLocal reports whether a block declares the name, or what its first part stands for:
// a variable, a record, a collection with its methods, a loop's index.
func (p *parser) isLocal(s string) bool {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		s = s[:i]
	}
	for _, local := range p.locals {
		if len(local) == len(s) && strings.EqualFold(local, s) {
			return true
		}
	}
	return false
}

// declareNext notes the name that stands from i on.
func (p *parser) declareNext(i int) {
	i = p.lex.skipBlanks(i)
	if n := p.lex.identStart(i); n > 0 && len(p.locals) < maxLocals {
		p.locals = append(p.locals, p.lex.text[i:p.lex.identEnd(i+n)])
	}
}

// beginBody reads the BEGIN of a block or of its own procedure.
func (p *parser) beginBody() {
	p.script.declares = false
	if p.script.subprogram {
		p.script.bodies++
	}
}

// endBody reads an END. After that of a block's own procedure, more is declared.
func (p *parser) endBody(tok token) {
	if p.script.bodies == 0 {
		return
	}
	switch p.nextWord(tok.end) {
	case kwIf, kwLoop, kwCase:
		return
	}
	p.script.bodies--
	if p.script.bodies == 0 {
		p.script.subprogram, p.script.declares = false, true
	}
}

// decideCall decides, at a token outside of parentheses, whether the name before them
// was a call. It was none if a value is assigned, to an element or to its field.
func (p *parser) decideCall(tok token) {
	switch tok.kind {
	case tokenPunct:
		switch p.lex.text[tok.start] {
		case ')', '(', '.':
			return
		case ':':
			p.stmt.calls = false
			p.assigned(p.stmt.call)
			return
		}
	case tokenWord, tokenName, tokenDouble:
		if p.prev.kind == tokenPunct && p.lex.text[p.prev.end-1] == '.' {
			return
		}
	}
	p.stmt.calls = false
	p.called(p.textOf(p.stmt.call))
}

// assigned notes that a name is a variable, since a value is assigned to it. A name with
// dots may be that of a package.
func (p *parser) assigned(tok token) {
	if strings.IndexByte(p.textOf(tok), '.') < 0 {
		p.declare(tok)
	}
}

// called adds a stored procedure that a block calls.
func (p *parser) called(name string) {
	p.summary.add(name)
	if p.res.Procedure == "" {
		p.res.Procedure = name
	}
}

// label reads the angle brackets around a label of PL/SQL, which precedes a statement.
// It reports whether the token is one.
func (p *parser) label(tok token) bool {
	if p.stmt.label {
		p.stmt.label = p.lex.text[tok.start] != '>' || p.lex.at(tok.end) == '>'
		return true
	}
	if p.top.op != kwNone || p.top.nested || p.lex.text[tok.start] != '<' || p.lex.at(tok.end) != '<' {
		return false
	}
	p.stmt.label = true
	return true
}

// skips reports whether what comes is skipped: a hint, a label, or WITH FUNCTION.
func (s *statementState) skips() bool { return s.hint || s.label || s.function != functionNone }

// skipsPunct reports whether a punctuation mark belongs to something that is skipped.
func (s *statementState) skipsPunct(c byte) bool {
	if s.hint {
		s.hint = c != '}'
		return true
	}
	return s.function != functionNone && c != ';' && c != '(' && c != ')'
}

// skipWord reads a word of what is skipped: a label, a hint, or the body of WITH
// FUNCTION.
func (p *parser) skipWord(tok token) {
	s := &p.stmt
	switch {
	case s.function == functionNone:
	case p.prev.kw == kwEnd && (tok.kw == kwIf || tok.kw == kwCase || tok.kw == kwLoop):
		// Its END has been counted.
	case tok.kw == kwBegin:
		s.function = functionBody
		s.begins++
	case s.function == functionBody && (tok.kw == kwIf || tok.kw == kwCase || tok.kw == kwLoop):
		s.begins++
	case tok.kw == kwEnd && s.begins > 0:
		s.begins--
		if s.begins == 0 {
			s.function = functionEnded
		}
	}
}

// endFunction reads the semicolon of a declaration or a statement in WITH FUNCTION, or
// the one behind its END.
func (p *parser) endFunction() {
	if p.stmt.function != functionEnded {
		return
	}
	p.stmt.function = functionNone
	p.top.expect = expectCTE
}

// withFunction reports whether the word after WITH begins a function or a procedure of
// Oracle, which the query can call.
func (p *parser) withFunction(tok token) bool {
	if tok.kw != kwFunction && tok.kw != kwProcedure || p.top.nested || p.lex.d != Oracle && p.lex.d != Generic {
		return false
	}
	if c := p.peek(tok.end); c == '(' || c == ',' || p.nextWord(tok.end) == kwAs {
		return false // a name
	}
	p.stmt.function, p.top.expect = functionHead, expectNothing
	return true
}

// nextWord returns the keyword that the word from i on is, or kwNone.
func (p *parser) nextWord(i int) keyword {
	i = p.lex.skipBlanks(i)
	if n := p.lex.identStart(i); n > 0 {
		return keywordOf(p.lex.text[i:p.lex.identEnd(i+n)])
	}
	return kwNone
}

// nextIs reports whether the word from i on is w, which is in upper case.
func (p *parser) nextIs(i int, w string) bool {
	i = p.lex.skipBlanks(i)
	n := p.lex.identStart(i)
	return n > 0 && p.lex.identEnd(i+n) == i+len(w) && equalFoldASCII(w, p.lex.text[i:i+len(w)])
}

// isBuiltIn reports whether a name without a schema is a function of SQL or PL/SQL, which
// nobody stores. Source: Oracle's SQL Language Reference, functions.
func isBuiltIn(s string) bool {
	if len(s) > maxBuiltIn {
		return false
	}
	_, found := builtIns[strings.ToUpper(s)]
	return found || len(s) > 7 && equalFoldASCII("REGEXP_", s[:7])
}

// maxBuiltIn is the length of the longest function in builtIns.
const maxBuiltIn = 17

var builtIns = func() map[string]struct{} {
	set := map[string]struct{}{}
	for name := range strings.FieldsSeq(`ABS ACOS ADD_MONTHS ASCII ASCIISTR ASIN ATAN ATAN2 AVG BFILENAME BITAND BITOR CAST CEIL CHARTOROWID CHR COALESCE
		COMPOSE CONCAT CONVERT COS COUNT CURRENT_DATE CURRENT_TIMESTAMP DBTIMEZONE DECODE DECOMPOSE DEREF DUMP EMPTY_BLOB EMPTY_CLOB EXP EXTRACT FLOOR
		FROM_TZ GREATEST HEXTORAW INITCAP INSTR INSTRB JSON_ARRAY JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_VALUE LAST_DAY LEAST LENGTH LENGTHB LISTAGG LN LOCALTIMESTAMP
		LOG LOWER LPAD LTRIM MAX MIN MOD MONTHS_BETWEEN NANVL NCHR NEW_TIME NEXT_DAY NLSSORT NLS_INITCAP NLS_LOWER NLS_UPPER NULLIF NUMTODSINTERVAL
		NUMTOYMINTERVAL NVL NVL2 ORA_HASH POWER RAWTOHEX RAWTONHEX REMAINDER REPLACE REVERSE ROUND ROWIDTOCHAR RPAD RTRIM SESSIONTIMEZONE SIGN SIN SOUNDEX SQLCODE
		SQLERRM SQRT STANDARD_HASH SUBSTR SUBSTRB SUM SYSDATE SYSTIMESTAMP SYS_CONTEXT SYS_EXTRACT_UTC SYS_GUID TAN TO_BINARY_DOUBLE TO_BLOB TO_CHAR TO_CLOB
		TO_DATE TO_DSINTERVAL TO_MULTI_BYTE TO_NCHAR TO_NCLOB TO_NUMBER TO_SINGLE_BYTE TO_TIMESTAMP TO_TIMESTAMP_TZ TO_YMINTERVAL TRANSLATE TREAT TRIM TRUNC
		TZ_OFFSET UID UNISTR UPPER USER USERENV VALIDATE_CONVERSION VSIZE XMLTYPE`) {
		set[name] = struct{}{}
	}
	return set
}()
