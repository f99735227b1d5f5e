// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// maxTargets limits the work of finding the tables of a DELETE of several.
const maxTargets = 16

// anotherDeleted reads a comma after DELETE, before FROM. In MySQL another table follows
// that is changed, in CQL another column.
func (p *parser) anotherDeleted() bool {
	f := p.top
	switch {
	case !f.into && p.stmt.pending.end != 0:
		if p.lex.d == MySQL && len(p.targets) < maxTargets {
			p.targets = append(p.targets, p.textOf(p.stmt.pending))
		}
		p.stmt.pending = token{}
		f.expect = expectDeleted
		return true
	case p.lex.d == MySQL && f.into && !f.sawFrom && f.expect == expectNothing && p.stmt.target != "" && !f.sources:
		f.expect = expectWritten // DELETE FROM a, b USING …
		return true
	}
	return false
}

// deletedFrom reads FROM after what DELETE names before it.
func (p *parser) deletedFrom() {
	f := p.top
	last := p.stmt.pending
	p.stmt.pending = token{}
	f.expect = expectWritten
	if last.end != 0 && (p.lex.d == MySQL || p.lex.d == SQLServer) {
		p.targets = append(p.targets, p.textOf(last))
	}
	if len(p.targets) == 0 {
		return
	}
	f.expect, f.tables, f.sawFrom, f.sources = expectTable, true, true, true
}

// deletedSource reads a table in the FROM of a DELETE of several tables. It counts if it
// is one of those, or if its alias is.
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
		if target == "" || !strings.EqualFold(target, name) {
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

// remainingTargets adds the targets that FROM does not explain.
func (p *parser) remainingTargets() {
	for _, target := range p.targets {
		if target != "" && !p.isCTE(target) {
			p.summary.add(target)
			p.collect(target)
		}
	}
	p.targets = p.targets[:0]
}
