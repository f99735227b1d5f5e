// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// maxCTEs limits the work of distinguishing tables from the names that WITH defines.
const maxCTEs = 64

// define records a name that WITH defines.
func (p *parser) define(tok token) {
	if p.hides() {
		p.hidden |= 3 << len(p.ctes) // the name with and without quotes
		p.hiddenAt = len(p.frames) + 1
	}
	if len(p.ctes) < maxCTEs {
		p.ctes = append(p.ctes, strings.Trim(p.textOf(tok), "\"`[]"))
		if s := p.textOf(tok); len(p.ctes) < maxCTEs && s != p.ctes[len(p.ctes)-1] {
			p.ctes = append(p.ctes, s)
		}
	}
}

// hides reports whether a name that WITH defines is not visible in its own query, where it
// names a table. In the sub-queries of that query it counts as visible. In Oracle, SQL
// Server and SQLite, recursion does not need RECURSIVE.
func (p *parser) hides() bool {
	switch p.lex.d {
	case Generic, PostgreSQL, MySQL:
		return p.stmt.recursive == 0
	}
	return false
}

// outside selects the bits of the names of WITH that are defined outside of the frame.
func (f *frame) outside() uint64 { return 1<<max(f.scope, 1)>>1 - 1 }

// isCTE reports whether a visible WITH defines the name.
func (p *parser) isCTE(s string) bool {
	for i, c := range p.ctes {
		if len(c) == len(s) && (p.hidden>>i&1 == 0 || len(p.frames) != p.hiddenAt) && strings.EqualFold(c, s) {
			return true
		}
	}
	return false
}
