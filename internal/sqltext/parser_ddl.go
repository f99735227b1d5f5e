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
	if !tok.kw.namesKind() {
		if !isKindModifier(s) {
			f.expect = expectNothing
			if p.lex.d != SQLServer {
				// In SQL Server this is only the first word of a kind that has several.
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
	case kwSession, kwSystem:
		f.expect = expectNothing
		p.stmt.secret = true
	default:
		p.stmt.secret = true
	}
}

// ddlOperations has the names of the common operations by verb and kind, so that
// joining them takes no memory.
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

// ddlOperation returns the operation with the kind of object added, if it is the
// operation of this verb.
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

// kindModifiers are the words that may stand between CREATE and the kind of object.
var kindModifiers = map[string]struct{}{
	"OR": {}, "REPLACE": {}, "ALTER": {}, "UNIQUE": {}, "TEMP": {}, "TEMPORARY": {}, "GLOBAL": {}, "LOCAL": {}, "UNLOGGED": {},
	"CLUSTERED": {}, "NONCLUSTERED": {}, "COLUMNSTORE": {}, "BITMAP": {}, "FORCE": {}, "NO": {}, "NOFORCE": {},
	"EDITIONABLE": {}, "NONEDITIONABLE": {}, "EDITIONING": {}, "PUBLIC": {}, "PRIVATE": {}, "EXTERNAL": {},
	"FOREIGN": {}, "VIRTUAL": {}, "RECURSIVE": {}, "FULLTEXT": {}, "SPATIAL": {}, "DEFINER": {}, "SQL": {},
	"SECURITY": {}, "INVOKER": {}, "ALGORITHM": {}, "UNDEFINED": {}, "MERGE": {}, "TEMPTABLE": {}, "AGGREGATE": {},
	"SHARDED": {}, "DUPLICATED": {}, "BLOCKCHAIN": {}, "IMMUTABLE": {}, "CONSTRAINT": {}, "TRANSIENT": {},
	"SECURE": {}, "PLUGGABLE": {}, "SHARED": {}, "HYBRID": {}, "COLUMN": {}, "ROW": {}, "IF": {}, "NOT": {}, "EXISTS": {},
}

func isKindModifier(s string) bool {
	if len(s) > 16 {
		return false
	}
	_, ok := kindModifiers[strings.ToUpper(s)]
	return ok
}
