// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// block writes a block of PL/SQL with literals wherever they are allowed.
func (g *generator) block() {
	if g.chance(4) {
		g.put("<<", g.pick("main", "o1"), ">>", g.space())
	}
	if g.chance(2) {
		g.put("DECLARE n NUMBER := ")
		g.literal()
		g.put("; l_list list := list(")
		g.values(2)
		g.put(");", g.pick(" PRAGMA AUTONOMOUS_TRANSACTION;", " TYPE t IS TABLE OF NUMBER;", " CURSOR c IS SELECT a FROM b;", ""), "\n")
	}
	g.put("BEGIN ")
	for range 1 + g.r.IntN(4) {
		if g.chance(6) {
			g.comment()
		}
		g.blockStatement()
	}
	g.put(" END", g.pick("", " main"), ";")
}

func (g *generator) blockStatement() {
	switch g.r.IntN(9) {
	case 0:
		g.put("l_list(1)", g.pick("", ".a", "(2)", `."B"`), g.space(), ":=", g.space())
		g.literal()
		g.put("; ")
	case 1:
		g.put(":r := ", g.pick("nvl", "pkg.f", "to_date", "replace"), g.space(), "(")
		g.values(2)
		g.put("); ")
	case 2:
		g.put("pkg", g.space(), ".", g.space(), "proc(p => ")
		g.literal()
		g.put("); ")
	case 3:
		g.put("IF a = ")
		g.literal()
		g.put(" THEN pkg.x(")
		g.values(1)
		g.put("); ELSE UPDATE t SET a = ")
		g.literal()
		g.put("; END IF; ")
	case 4:
		g.put("CASE ", g.bind(), " WHEN ")
		g.literal()
		g.put(" THEN pkg.y(")
		g.values(1)
		g.put("); ELSE NULL; END CASE; ")
	case 5:
		g.put("<<l>> FOR i IN 1..", numberMarker, " LOOP INSERT INTO t VALUES (")
		g.values(2)
		g.put("); END LOOP l; ")
	case 6:
		g.put("EXECUTE IMMEDIATE ")
		g.literal()
		g.put(" USING ")
		g.literal()
		g.put("; ")
	case 7:
		g.put("SELECT a INTO n FROM ", g.ident())
		g.where()
		g.put("; ")
	default:
		g.put("RAISE_APPLICATION_ERROR(-", numberMarker, ", ")
		g.literal()
		g.put("); ")
	}
}

// function writes a query that defines a function.
func (g *generator) function() {
	g.put("WITH FUNCTION f(a NUMBER) RETURN NUMBER IS n NUMBER := ")
	g.literal()
	g.put("; BEGIN IF a = ")
	g.literal()
	g.put(" THEN RETURN ")
	g.literal()
	g.put("; END IF; RETURN a; END", g.pick("", " f"), "; SELECT f(")
	g.literal()
	g.put(") FROM ", g.ident())
	g.where()
}

// secret writes a statement with a password or a text that is not a literal in the
// language.
func (g *generator) secret() {
	switch g.d {
	case SQLServer:
		g.put(g.pick("EXEC", "exec", "EXECUTE"), " ", g.pick("dbo.p", "[p q]", "@r = p"), " ", textMarker, g.pick("", ", @b = "+textMarker, ","+numberMarker, ", @c OUT"))
	case PostgreSQL:
		g.put(g.pick("COPY ", "copy "), g.ident(), " FROM ", g.pick("STDIN", "stdin"), ";\n", textMarker, "\t", numberMarker, "\n", g.pick("", "\\.\n"))
	case Oracle:
		g.put(g.pick(`ADMINISTER KEY MANAGEMENT IMPORT KEYS WITH SECRET "`+textMarker+`"`, "GRANT a TO b IDENTIFIED BY "+textMarker, `ADMINISTER KEY MANAGEMENT EXPORT KEYS WITH SECRET `+textMarker))
	default:
		g.put(g.pick("CREATE USER u IDENTIFIED BY ", "ALTER USER u IDENTIFIED BY "), textMarker)
	}
}
