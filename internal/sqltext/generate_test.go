// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"math/rand/v2"
	"strings"
)

// The generator writes a marker in every literal, and nowhere else.
const (
	textMarker   = "zqMARKqz"
	numberMarker = "9021077709"
)

// generator writes statements of a dialect with a marker in every literal. It uses all
// forms of literals of the dialect.
type generator struct {
	r *rand.Rand
	d Dialect
	b strings.Builder

	// legacy reverses the default meaning of the backslash: standard_conforming_strings
	// off in PostgreSQL, NO_BACKSLASH_ESCAPES in MySQL.
	legacy bool
}

func newGenerator(seed uint64) *generator {
	return &generator{r: rand.New(rand.NewPCG(seed, 0x5eed))}
}

// statement returns a statement of the dialect.
func (g *generator) statement(d Dialect) string {
	g.d = d
	g.b.Reset()
	if g.chance(6) {
		g.comment()
	}
	switch g.r.IntN(16) {
	case 0:
		g.put("INSERT INTO ", g.ident(), " (", g.ident(), ", ", g.ident(), ") VALUES (")
		g.values(1 + g.r.IntN(4))
		g.put(")")
	case 1:
		g.put("UPDATE ", g.ident(), " SET ", g.ident(), g.space(), "=", g.space())
		g.literal()
		g.where()
	case 2:
		g.put("DELETE FROM ", g.ident())
		g.where()
	case 3:
		g.put("SELECT ", g.ident(), ", (SELECT max(", g.ident(), ") FROM ", g.ident())
		g.where()
		g.put(") FROM ", g.ident(), " x, ", g.ident())
		g.where()
	case 4:
		g.call()
	case 5:
		g.put("SELECT CASE WHEN ", g.ident(), "=")
		g.literal()
		g.put(" THEN ")
		g.literal()
		g.put(" ELSE ")
		g.literal()
		g.put(" END FROM ", g.ident())
		g.where()
	case 6:
		g.put("WITH c AS (SELECT ")
		g.literal()
		g.put(" AS x) SELECT * FROM c JOIN ", g.ident(), " ON c.x=")
		g.literal()
		g.where()
	case 7:
		g.put("MERGE INTO ", g.ident(), " t USING (SELECT ")
		g.literal()
		g.put(" AS a FROM dual) s ON (t.a = s.a AND t.b=")
		g.literal()
		g.put(") WHEN MATCHED THEN UPDATE SET b = ")
		g.literal()
	case 8:
		g.put("CREATE TABLE ", g.ident(), " (a ", "VARCHAR(", numberMarker, ") DEFAULT ")
		g.literal()
		g.put(")")
	case 9, 10:
		g.block()
	case 11:
		g.function()
	case 12:
		g.secret()
	default:
		g.put("SELECT ", g.ident(), ",", g.space())
		g.literal()
		g.put(g.space(), ",", g.space())
		g.literal()
		g.put(" FROM ", g.ident())
		if g.chance(3) {
			g.clause()
		}
		g.where()
		if g.chance(3) {
			g.put(" UNION ALL SELECT ")
			g.literal()
			g.put(" FROM ", g.ident())
		}
	}
	if g.chance(4) {
		g.put(";")
		if g.chance(2) {
			g.put(" SELECT ")
			g.literal()
		}
	}
	s := g.b.String()
	if g.chance(8) && !g.legacy {
		s = s[:g.r.IntN(len(s)+1)]
	}
	return s
}

func (g *generator) put(parts ...string) {
	for _, p := range parts {
		g.b.WriteString(p)
	}
}

func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

func (g *generator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

func (g *generator) space() string { return g.pick("", "", " ", "  ", "\n", "\t") }

func (g *generator) where() {
	if g.chance(5) {
		return
	}
	g.put(" WHERE ")
	for n := 1 + g.r.IntN(4); n > 0; n-- {
		if g.chance(8) {
			g.comment()
		}
		g.put(g.ident())
		switch g.r.IntN(7) {
		case 0:
			g.put(" IN", g.space(), "(")
			g.values(1 + g.r.IntN(4))
			g.put(")")
		case 1:
			g.put(" BETWEEN ")
			g.literal()
			g.put(" AND ")
			g.literal()
		case 2:
			g.put(" LIKE ")
			g.literal()
			if g.chance(4) && !g.escaped() && g.d != MySQL {
				g.put(" ESCAPE '\\'")
			}
		case 3:
			g.put(" = coalesce(")
			g.values(2)
			g.put(", ", g.bind(), ")")
		case 4:
			g.put(g.space(), g.pick("=", "<", ">=", "<>", "!="), g.space())
			g.date()
		default:
			g.put(g.space(), g.pick("=", "<", ">", "<=", "<>"), g.space())
			g.literal()
		}
		if n > 1 {
			g.put(g.pick(" AND ", " OR ", "\nAND "))
		}
	}
	switch g.r.IntN(6) {
	case 0:
		g.put(" ORDER BY ", g.ident())
	case 1:
		g.put(" LIMIT ", numberMarker)
	}
}

func (g *generator) values(n int) {
	for i := range n {
		if i > 0 {
			g.put(",", g.space())
		}
		if g.chance(8) {
			g.comment()
		}
		g.literal()
	}
}

func (g *generator) date() {
	g.put(g.pick("DATE ", "TIMESTAMP ", "INTERVAL "), "'", textMarker, "'")
}

func (g *generator) call() {
	switch g.d {
	case Oracle:
		g.put("BEGIN pkg.proc(")
		g.values(2)
		g.put("); END;")
	case SQLServer:
		g.put("EXEC dbo.proc @a = ")
		g.literal()
		g.put(", @b=")
		g.literal()
	default:
		g.put("CALL proc(")
		g.values(2)
		g.put(")")
	}
}

func (g *generator) ident() string {
	switch g.r.IntN(8) {
	case 0:
		switch g.d {
		case MySQL:
			return g.pick("`a b`", "`it's`", "`s`.`t`", "`a``b`")
		case SQLServer:
			return g.pick("[a b]", "[it's]", "[a]]b]", "[dbo].[T]", `"s"."t"`)
		case SQLite:
			return g.pick("[a b]", `"s"."t"`, "`a b`")
		case Generic:
			return g.pick(`"s"."t"`, "`a b`", "[my table]")
		default:
			return g.pick(`"a b"`, `"s"."t"`, `"it's"`, `"a""b"`)
		}
	case 1:
		return g.pick("schema1.table2", "c3po", "r2d2", "t_1", "été7", "naïve.col")
	}
	return g.pick("users", "orders", "a", "b", "x1", "emp", "sales")
}

func (g *generator) bind() string {
	switch g.d {
	case Oracle:
		return g.pick(":1", ":name")
	case PostgreSQL:
		return g.pick("$1", "$22")
	case SQLServer:
		return "@p1"
	}
	return "?"
}

func (g *generator) comment() {
	inner := g.pick("hint", "don't", `say "x`, "a;b", "SELECT 1 FROM t", "`", "it's 'q'", "(", "]")
	switch g.r.IntN(3) {
	case 0:
		g.put("-- ", inner, "\n")
	case 1:
		if g.d == MySQL && g.chance(2) {
			g.put("# ", inner, "\n")
			return
		}
		g.put("/*+ ", inner, " */")
	default:
		g.put("/* ", inner)
		if dialectRules[g.d].nestedComment && g.chance(3) {
			g.put(" /* ", inner, " */ ", inner)
		}
		g.put(" */")
	}
}
