// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// maxTargets limits the work of matching the tables of a DELETE from several tables.
const maxTargets = 16

// anotherDeleted reads a comma in the list after DELETE. In MySQL another table to delete
// from follows, in CQL another column. It reports whether the comma belongs to the list.
func (p *parser) anotherDeleted() bool {
	f := p.top
	switch {
	case !f.into && p.stmt.pending.end != 0:
		if p.lex.d == MySQL && len(p.targets) < maxTargets {
			p.targets, p.stmt.named = append(p.targets, p.pendingName(p.stmt.pending)), true
		}
		p.dropPending()
		f.expect = expectDeleted
		return true
	case p.lex.d == MySQL && f.into && !f.sawFrom && f.expect == expectNothing && p.stmt.target != "" && !f.sources:
		f.expect = expectWritten // DELETE FROM a, b USING …
		return true
	}
	return false
}

// deletedFrom reads FROM after the names between DELETE and FROM.
func (p *parser) deletedFrom() {
	f := p.top
	last := p.stmt.pending
	p.stmt.pending = token{}
	f.expect = expectWritten
	if name := p.pendingName(last); name != "" && (p.lex.d == MySQL || p.lex.d == SQLServer) {
		p.targets = append(p.targets, name)
	}
	if len(p.targets) == 0 {
		return
	}
	p.stmt.named = true
	f.expect, f.tables, f.sawFrom, f.sources, f.list = expectTable, true, true, true, p.lex.pos
}

// pendingName returns the whole name that is still pending, or "".
func (p *parser) pendingName(tok token) string {
	if tok.end == 0 {
		return ""
	}
	name := p.stmt.qualifier + p.textOf(tok)
	p.stmt.qualifier = ""
	return name
}

// deletedTarget records a table of MySQL's DELETE FROM. USING may show that it is an
// alias.
func (p *parser) deletedTarget(name string) {
	if len(p.targets) == 0 {
		p.stmt.beforeTargets, p.stmt.collected = p.summary.mark(), len(p.collections)
	}
	if len(p.targets) < maxTargets {
		p.targets = append(p.targets, name)
	}
}

// deletedUsing reads USING of MySQL's DELETE FROM a, b USING …. The tables that a and b
// name, directly or as aliases, follow it.
func (p *parser) deletedUsing() {
	f := p.top
	p.summary.restore(p.stmt.beforeTargets)
	p.collections = p.collections[:min(p.stmt.collected, len(p.collections))]
	p.stmt.named = true
	f.expect, f.tables, f.sawFrom, f.sources, f.list = expectTable, true, true, true, p.lex.pos
}

// deletedSource reads a table in the FROM of a DELETE from several tables. It counts if
// the table or its alias is one of the targets.
func (p *parser) deletedSource(tok token) {
	p.stmt.aliased = token{}
	if !p.deletes(p.textOf(tok), tok) {
		p.stmt.aliased = tok
	}
}

// deletedAlias reads the alias of a table.
func (p *parser) deletedAlias(tok token) {
	table := p.stmt.aliased
	p.stmt.aliased = token{}
	p.deletes(p.textOf(tok), table)
}

// deletes adds the table if name is one of the targets.
func (p *parser) deletes(name string, table token) bool {
	for i, target := range p.targets {
		if target == "" || !isTarget(target, name) {
			continue
		}
		p.targets[i] = ""
		s := p.textOf(table)
		if p.isCTE(s) {
			return true
		}
		p.summary.add(s)
		p.collect(s)
		return true
	}
	return false
}

// isTarget reports whether a target of DELETE is the table or the alias with this name.
// The target may omit the table's schema and quotes.
func isTarget(target, name string) bool {
	if strings.EqualFold(target, name) {
		return true
	}
	if strings.IndexByte(target, '.') < 0 {
		name = name[strings.LastIndexByte(name, '.')+1:]
	}
	return strings.EqualFold(withoutQuotes(target), withoutQuotes(name))
}

// withoutQuotes returns a name without the quotes of its parts.
func withoutQuotes(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '`', '"', '[', ']':
			return -1
		}
		return r
	}, name)
}

// remainingTargets adds the targets that match no table in FROM.
func (p *parser) remainingTargets() {
	for _, target := range p.targets {
		if p.stmt.named && target != "" && !p.isCTE(target) {
			p.summary.add(target)
			p.collect(target)
		}
	}
	p.targets = p.targets[:0]
}
