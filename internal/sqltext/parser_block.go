// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// maxLocals limits the work of distinguishing procedures from the variables of a block.
const maxLocals = 128

// declare records a name that a block declares.
func (p *parser) declare(tok token) {
	if len(p.locals) < maxLocals {
		p.locals = append(p.locals, p.textOf(tok))
	}
}

// isLocal reports whether a block declares the name or its first part, such as a
// variable, a record, a collection with methods, or the index of a loop.
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

// declareNext records the name that starts at i.
func (p *parser) declareNext(i int) {
	i = p.lex.skipBlanks(i)
	if n := p.lex.identStart(i); n > 0 && len(p.locals) < maxLocals {
		p.locals = append(p.locals, p.lex.text[i:p.lex.identEnd(i+n)])
	}
}

// beginBody reads the BEGIN of a block or of a procedure declared in it.
func (p *parser) beginBody() {
	p.script.declares = false
	if p.script.subprogram {
		p.script.bodies++
	}
}

// endBody reads an END. After the last END of a procedure declared in a block, more
// declarations follow.
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

// decideCall decides, at a token outside parentheses, whether the name before them was a
// call. It was not if a value is assigned to the element or to one of its fields.
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

// assigned records that a name is a variable, because a value is assigned to it. A name
// with dots is not recorded, because its first part may be a package.
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

// label reads the angle brackets around a label, which precedes a statement of PL/SQL. It
// reports whether the token is part of a label.
func (p *parser) label(tok token) bool {
	if p.stmt.label {
		p.stmt.label = p.lex.text[tok.start] != '>' || p.lex.at(tok.end) == '>'
		return true
	}
	if p.lex.text[tok.start] != '<' || p.lex.at(tok.end) != '<' || p.top.nested {
		return false
	}
	if p.top.op == kwBegin && p.top.expect == expectTransaction {
		p.beginBlock() // BEGIN began a block, and its first statement has a label
	}
	if p.top.op != kwNone {
		return false
	}
	p.stmt.label = true
	return true
}

// skips reports whether tokens are being skipped, in a hint, a label or WITH FUNCTION.
func (s *statementState) skips() bool { return s.hint || s.label || s.function != functionNone }

// skipsPunct reports whether a punctuation mark is skipped.
func (s *statementState) skipsPunct(c byte) bool {
	if s.hint {
		s.hint = c != '}'
		return true
	}
	return s.function != functionNone && c != ';' && c != '(' && c != ')'
}

// skipWord reads a word that is skipped, in a label, a hint or the body of WITH FUNCTION.
func (p *parser) skipWord(tok token) {
	s := &p.stmt
	switch {
	case s.function == functionNone:
		if s.label {
			p.declare(tok) // the label may qualify names of its block
		}
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

// endFunction reads a semicolon in WITH FUNCTION. The one after the function's END ends
// the function.
func (p *parser) endFunction() {
	if p.stmt.function != functionEnded {
		return
	}
	p.stmt.function = functionNone
	p.top.expect = expectCTE
}

// withFunction reports whether the word after WITH begins the definition of a function or
// a procedure, which Oracle allows in a query.
func (p *parser) withFunction(tok token) bool {
	if tok.kw != kwFunction && tok.kw != kwProcedure || p.lex.d != Oracle && p.lex.d != Generic {
		return false
	}
	if c := p.peek(tok.end); c == '(' || c == ',' || p.nextWord(tok.end) == kwAs {
		return false // a name
	}
	p.stmt.function, p.top.expect = functionHead, expectNothing
	return true
}

// nextWord returns the keyword for the word that starts at i, or kwNone.
func (p *parser) nextWord(i int) keyword {
	i = p.lex.skipBlanks(i)
	if n := p.lex.identStart(i); n > 0 {
		return keywordOf(p.lex.text[i:p.lex.identEnd(i+n)])
	}
	return kwNone
}

// nextIs reports whether the word that starts at i is w, which is in upper case.
func (p *parser) nextIs(i int, w string) bool {
	i = p.lex.skipBlanks(i)
	n := p.lex.identStart(i)
	return n > 0 && p.lex.identEnd(i+n) == i+len(w) && equalFoldASCII(w, p.lex.text[i:i+len(w)])
}

// isSequence reports whether a name is the next or the current value of a sequence.
func isSequence(s string) bool {
	i := len(s) - len(".NEXTVAL")
	return i > 0 && (equalFoldASCII(".NEXTVAL", s[i:]) || equalFoldASCII(".CURRVAL", s[i:]))
}

// isBuiltIn reports whether a name without a schema is a built-in function of SQL or
// PL/SQL, not a stored one. Source: Oracle's SQL Language Reference, functions.
func isBuiltIn(s string) bool {
	if len(s) > maxBuiltIn {
		return false
	}
	_, found := builtIns[strings.ToUpper(s)]
	return found || len(s) > 7 && equalFoldASCII("REGEXP_", s[:7])
}

// maxBuiltIn is the length of the longest function in builtIns.
const maxBuiltIn = 20

var builtIns = func() map[string]struct{} {
	set := map[string]struct{}{}
	for name := range strings.FieldsSeq(`ABS ACOS ADD_MONTHS APPENDCHILDXML ASCII ASCIISTR ASIN ATAN ATAN2 AVG BFILENAME BIN_TO_NUM BITAND
		BITOR CARDINALITY CAST CEIL CHARTOROWID CHECKSUM CHR CLUSTER_ID COALESCE COLLATION COLLECT COMPOSE CONCAT CONVERT CON_DBID_TO_ID CON_GUID_TO_ID
		CON_NAME_TO_ID CON_UID_TO_ID CORR COS COSH COSINE_DISTANCE COUNT COVAR_POP COVAR_SAMP CUBE_TABLE CURRENT_DATE CURRENT_TIMESTAMP CURRENT_USER CV
		DATAOBJ_TO_PARTITION DBTIMEZONE DECODE DECOMPOSE DELETEXML DEPTH DEREF DOMAIN_CHECK DOMAIN_CHECK_TYPE DOMAIN_DISPLAY DOMAIN_NAME DOMAIN_ORDER DUMP
		EMPTY_BLOB EMPTY_CLOB EXISTSNODE EXP EXTRACT EXTRACTVALUE FIRST_VALUE FLOOR FROM_TZ FUZZY_MATCH GREATEST GROUPING GROUPING_ID GROUP_ID HEXTORAW
		INITCAP INNER_PRODUCT INSERTCHILDXML INSTR INSTR2 INSTR4 INSTRB INSTRC JSON JSON_ARRAY JSON_ARRAYAGG JSON_DATAGUIDE JSON_EQUAL JSON_EXISTS
		JSON_MERGEPATCH JSON_OBJECT JSON_OBJECTAGG JSON_QUERY JSON_SCALAR JSON_SERIALIZE JSON_TABLE JSON_TRANSFORM JSON_VALUE KURTOSIS_POP KURTOSIS_SAMP
		L2_DISTANCE LAG LAST_DAY LAST_VALUE LEAD LEAST LENGTH LENGTH2 LENGTH4 LENGTHB LENGTHC LISTAGG LN LNNVL LOCALTIMESTAMP LOG LOWER LPAD LTRIM MAKE_REF
		MAX MEDIAN MIN MOD MONTHS_BETWEEN NANVL NCHR NEW_TIME NEXT_DAY NLSSORT NLS_CHARSET_DECL_LEN NLS_CHARSET_ID NLS_CHARSET_NAME NLS_COLLATION_ID
		NLS_COLLATION_NAME NLS_INITCAP NLS_LOWER NLS_UPPER NTH_VALUE NTILE NULLIF NUMTODSINTERVAL NUMTOYMINTERVAL NVL NVL2 ORA_DST_AFFECTED ORA_DST_CONVERT
		ORA_DST_ERROR ORA_HASH ORA_INVOKING_USER ORA_INVOKING_USERID PATH PERCENT_RANK PHONIC_ENCODE POWER POWERMULTISET RANK RAWTOHEX RAWTONHEX REF REFTOHEX
		REMAINDER REPLACE REVERSE ROUND ROUND_TIES_TO_EVEN ROWIDTOCHAR ROWIDTONCHAR ROWNUM ROW_NUMBER RPAD RTRIM SCN_TO_TIMESTAMP SESSIONTIMEZONE SESSION_USER
		SIGN SIN SINH SKEWNESS_POP SKEWNESS_SAMP SOUNDEX SQLCODE SQLERRM SQRT STANDARD_HASH STATS_MODE STDDEV STDDEV_POP STDDEV_SAMP SUBSTR SUBSTR2 SUBSTR4
		SUBSTRB SUBSTRC SUM SYSDATE SYSTIMESTAMP SYS_CONNECT_BY_PATH SYS_CONTEXT SYS_DBURIGEN SYS_EXTRACT_UTC SYS_GUID SYS_OP_ZONE_ID SYS_TYPEID SYS_XMLAGG
		SYS_XMLGEN TAN TANH TIMESTAMP_TO_SCN TO_APPROX_PERCENTILE TO_BFILE TO_BINARY_DOUBLE TO_BINARY_FLOAT TO_BLOB TO_BOOLEAN TO_CHAR TO_CLOB TO_DATE
		TO_DSINTERVAL TO_LOB TO_MULTI_BYTE TO_NCHAR TO_NCLOB TO_NUMBER TO_SINGLE_BYTE TO_TIMESTAMP TO_TIMESTAMP_TZ TO_UTC_TIMESTAMP_TZ TO_VECTOR TO_YMINTERVAL
		TRANSLATE TREAT TRIM TRUNC TZ_OFFSET UID UNISTR UPPER USER USERENV VALIDATE_CONVERSION VALUE VARIANCE VAR_POP VAR_SAMP VECTOR VECTOR_DISTANCE
		VECTOR_EMBEDDING VECTOR_NORM VECTOR_SERIALIZE VSIZE WIDTH_BUCKET XMLAGG XMLCAST XMLCDATA XMLCOLATTVAL XMLCOMMENT XMLCONCAT XMLDIFF XMLELEMENT
		XMLEXISTS XMLFOREST XMLISVALID XMLPARSE XMLPATCH XMLPI XMLQUERY XMLROOT XMLSEQUENCE XMLSERIALIZE XMLTRANSFORM XMLTYPE`) {
		set[name] = struct{}{}
	}
	return set
}()
