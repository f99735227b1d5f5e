// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// kind reads a word after CREATE, ALTER or DROP: a modifier or the kind of object.
func (p *parser) kind(tok token) {
	f, s := p.top, p.textOf(tok)
	if p.prev.kind == tokenPunct {
		return // DEFINER = root@localhost
	}
	if p.stmt.second != "" && strings.EqualFold(s, p.stmt.second) {
		p.summary.add(s)
		p.res.Operation += " " + p.stmt.second
		p.stmt.second, p.stmt.secret, f.expect = "", true, expectObject
		p.stmt.skip = tok.kw == kwNone && equalWord("PRIVILEGES", s) // their GRANT has no target
		return
	}
	p.stmt.second = ""
	if !tok.kw.namesKind() {
		if len(s) <= maxKindWord && p.lex.d != SQLServer {
			if second := kindsOfTwoWords[strings.ToUpper(s)]; second != "" && p.nextIs(tok.end, second) {
				p.summary.add(s)
				p.res.Operation = ddlOperation(p.res.Operation, canonical[f.op], strings.ToUpper(s))
				p.stmt.second = second
				return
			}
		}
		if !isKindModifier(s) || equalWord("COLLECTION", s) && p.nextWord(tok.end) != kwTable { // Couchbase's
			f.expect = expectNothing
			if p.lex.d != SQLServer {
				// In SQL Server this is only the first of several words of a kind.
				p.summary.add(s)
			}
			p.stmt.secret = true
		}
		return
	}
	p.summary.add(s)
	kind := canonical[tok.kw]
	if kind == "" {
		kind = strings.ToUpper(s)
	}
	p.res.Operation = ddlOperation(p.res.Operation, canonical[f.op], kind)
	if tok.kw == kwMaterialized {
		return
	}
	f.expect = expectObject
	switch tok.kw {
	case kwTable:
		f.tables = true
	case kwView, kwIndex, kwSequence, kwSynonym, kwType:
	case kwProcedure, kwFunction, kwTrigger, kwPackage, kwEvent:
		p.stmt.body = f.op != kwDrop
	case kwDatabase:
		p.stmt.secret, p.stmt.using = true, true // ENCRYPT USING
	case kwSession, kwSystem:
		f.expect = expectNothing
		p.stmt.secret = true
	default:
		p.stmt.secret = true
	}
}

// secondKind reports whether the word extends the kind of object, and adds it to the
// summary and the operation: DATABASE LINK, and MATERIALIZED VIEW LOG, whose table
// follows ON.
func (p *parser) secondKind(tok token) bool {
	second := ""
	switch p.prev.kw {
	case kwDatabase:
		if next := p.nextWord(tok.end); next == kwIf || next == kwNone && p.nameFollows(tok.end) || next == kwConnect {
			second = "LINK"
		}
	case kwUser:
		if next := p.nextWord(tok.end); (next == kwFor || next == kwIf) && p.lex.d != SQLServer {
			second = "MAPPING"
		}
	case kwView:
		if next := p.nextWord(tok.end); p.prevKw == kwMaterialized && (next == kwOn || next == kwIf || p.nextIs(tok.end, "FORCE")) {
			second = "LOG"
		}
	}
	if s := p.textOf(tok); second == "" || len(s) != len(second) || !equalFoldASCII(second, s) {
		return false
	}
	p.summary.add(p.textOf(tok))
	p.res.Operation += " " + second
	if second == "MAPPING" { // for a user, without a name
		p.top.expect = expectNothing
		return true
	}
	p.stmt.log = second == "LOG"
	p.top.tables = p.stmt.log
	return true
}

// kindsOfTwoWords maps the first word of a kind of object to the second, for kinds whose
// first word is not a kind by itself.
var kindsOfTwoWords = map[string]string{
	"RESTORE": "POINT", "ROLLBACK": "SEGMENT", "FLASHBACK": "ARCHIVE", "AUDIT": "POLICY", "LOCKDOWN": "PROFILE", "ATTRIBUTE": "DIMENSION",
	"PROPERTY": "GRAPH", "ANALYTIC": "VIEW", "ACCESS": "METHOD", "MINING": "MODEL", "DEFAULT": "PRIVILEGES",
}

// ddlOperations holds the names of the common operations by verb and kind, so that
// joining them needs no allocation.
var ddlOperations = map[[2]string]string{}

func init() {
	for _, verb := range []keyword{kwCreate, kwAlter, kwDrop} {
		for k := kwTable; k.namesKind(); k++ {
			if canonical[k] != "" {
				ddlOperations[[2]string{canonical[verb], canonical[k]}] = canonical[verb] + " " + canonical[k]
			}
		}
	}
}

// ddlOperation returns op with the kind of object added, if op is the operation of this
// verb.
func ddlOperation(op, verb, kind string) string {
	switch op {
	case verb:
		if joined, ok := ddlOperations[[2]string{verb, kind}]; ok {
			return joined
		}
		return verb + " " + kind
	case verb + " MATERIALIZED":
		return op + " " + kind
	}
	return op
}

// kindModifiers are the words that may appear between CREATE and the kind of object.
var kindModifiers = map[string]struct{}{
	"OR": {}, "REPLACE": {}, "ALTER": {}, "UNIQUE": {}, "TEMP": {}, "TEMPORARY": {}, "GLOBAL": {}, "LOCAL": {}, "UNLOGGED": {},
	"CLUSTERED": {}, "NONCLUSTERED": {}, "COLUMNSTORE": {}, "BITMAP": {}, "FORCE": {}, "NO": {}, "NOFORCE": {},
	"EDITIONABLE": {}, "NONEDITIONABLE": {}, "EDITIONING": {}, "PUBLIC": {}, "PRIVATE": {}, "EXTERNAL": {},
	"FOREIGN": {}, "VIRTUAL": {}, "RECURSIVE": {}, "FULLTEXT": {}, "SPATIAL": {}, "DEFINER": {}, "SQL": {},
	"SECURITY": {}, "INVOKER": {}, "ALGORITHM": {}, "UNDEFINED": {}, "MERGE": {}, "TEMPTABLE": {}, "AGGREGATE": {},
	"SHARDED": {}, "DUPLICATED": {}, "BLOCKCHAIN": {}, "IMMUTABLE": {}, "CONSTRAINT": {}, "TRANSIENT": {},
	"SECURE": {}, "PLUGGABLE": {}, "CUSTOM": {}, "SHARED": {}, "HYBRID": {}, "COLUMN": {}, "ROW": {}, "IF": {}, "NOT": {}, "EXISTS": {},
	"VECTOR": {}, "SEARCH": {}, "JSON": {}, "RELATIONAL": {}, "DUALITY": {}, "COLLECTION": {}, "MULTISET": {}, "SET": {}, "VOLATILE": {},
	"DYNAMIC": {}, "ICEBERG": {},
}

// maxKindWord is an upper limit for the length of a word of a kind of object.
const maxKindWord = 16

func isKindModifier(s string) bool {
	if len(s) > maxKindWord {
		return false
	}
	_, ok := kindModifiers[strings.ToUpper(s)]
	return ok
}
