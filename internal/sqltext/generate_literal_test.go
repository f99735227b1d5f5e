// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// literal writes a literal that contains a marker.
func (g *generator) literal() {
	if g.chance(3) {
		g.number()
		return
	}
	forms := []func(){g.plain, g.plain, g.plain}
	switch g.d {
	case Oracle:
		forms = append(forms, g.qQuote, g.qQuote, g.national)
	case PostgreSQL:
		forms = append(forms, g.dollar, g.dollar, g.eQuote, g.national)
	case MySQL:
		forms = append(forms, g.double, g.double, g.national, g.charset)
	case SQLServer:
		forms = append(forms, g.national, g.money)
	case SQLite:
		forms = append(forms, g.national)
	case Generic:
		forms = append(forms, g.double, g.dollar, g.qQuote)
	}
	forms[g.r.IntN(len(forms))]()
}

func (g *generator) number() {
	sign := g.pick("", "", "", "-", "+")
	n := numberMarker
	switch g.r.IntN(8) {
	case 0:
		n += ".5"
	case 1:
		n = "." + n
	case 2:
		n += g.pick("e5", "E-7", ".1e+3")
	case 3:
		n = g.pick("0x", "0X") + n
	case 4:
		n = "1." + n
	case 5:
		if g.d == Generic {
			g.put(g.pick("90210777", "abcdefab"), "-e89b-4abc-a456-", numberMarker, "ef") // CQL's UUID
			return
		}
	}
	if g.d == Oracle && g.chance(5) {
		n += g.pick("f", "d", "F", "D")
	}
	g.put(sign, n)
}

func (g *generator) money() { g.put("$", g.pick("", "-"), numberMarker) }

// body returns the text between quotes: a marker and misleading characters.
func (g *generator) body(quote string, escaped bool) string {
	var b strings.Builder
	n := g.r.IntN(5)
	at := g.r.IntN(n + 1)
	for i := range n + 1 {
		if i == at {
			b.WriteString(textMarker)
			continue
		}
		switch g.r.IntN(12) {
		case 0:
			b.WriteString(quote + quote)
		case 1:
			if escaped {
				b.WriteString(g.pick(`\`+quote, `\\`, `\n`, `\'`, `\"`))
			} else {
				b.WriteString(g.pick(`\n`, `c:\dir`, `\ `))
			}
		case 2:
			b.WriteString(g.pick("-- ", "/*", "*/", "# ", "$$", "$a$", ";", ")", "(", "]", "[", ",", " , "))
		case 3:
			if quote == "'" {
				b.WriteString(`"`)
			} else {
				b.WriteString(`'`)
			}
		case 4:
			b.WriteString(g.pick(" FROM ", " select ", "AND", " t WHERE a = ", "q"+quote+quote+"[", "]"+quote+quote, "?"))
		case 5:
			b.WriteString(g.pick("\n", "\x00", "\xff", "é", "\u202e", "日本", "\u00a0"))
		default:
			b.WriteString(g.pick("O", "word", " two words ", "12", "@x", "%", "`"))
		}
	}
	return b.String()
}

// escaped reports whether the backslash is an escape in plain literals.
func (g *generator) escaped() bool {
	return (g.d == MySQL) != g.legacy && (g.d == MySQL || g.d == PostgreSQL)
}

func (g *generator) plain() {
	body := g.body("'", g.escaped())
	if !g.escaped() && g.d != Generic && g.chance(12) {
		body += `\`
	}
	g.put("'", body, "'")
}

func (g *generator) national() {
	g.put(g.pick("N", "n", "X", "b"))
	g.plain()
}

func (g *generator) charset() {
	g.put(g.pick("_utf8", "_binary", "_latin1"))
	g.plain()
}

func (g *generator) double() {
	g.put(`"`, g.body(`"`, g.escaped()), `"`)
}

func (g *generator) eQuote() { g.put(g.pick("E", "e"), "'", g.body("'", true), "'") }

func (g *generator) dollar() {
	tag := g.pick("$$", "$tag$", "$a1$", "$été$")
	body := strings.ReplaceAll(g.body(`"`, false), "$", "")
	g.put(tag, body, tag)
}

func (g *generator) qQuote() {
	open := g.pick("[", "{", "(", "<", "!", "|", "é", "'")
	end := map[string]string{"[": "]", "{": "}", "(": ")", "<": ">"}[open]
	if end == "" {
		end = open
	}
	body := g.body(`"`, false)
	for strings.Contains(body+end, end+"'") && body != "" {
		body = strings.ReplaceAll(body, end+"'", "")
		if strings.HasSuffix(body, "'") && end == "'" {
			body = strings.TrimRight(body, "'")
		}
		if !strings.Contains(body, end+"'") {
			break
		}
	}
	g.put(g.pick("q", "Q", "nq", "Nq", "NQ"), "'", open, body, end, "'")
}

// clause writes the end of a list of tables, in which commas separate literals.
func (g *generator) clause() {
	switch g.d {
	case Oracle:
		g.put(" JOIN b ON a = JSON")
		g.array()
	case PostgreSQL:
		g.put(" JOIN b ON a @> ARRAY")
		g.array()
	case Generic:
		switch g.r.IntN(3) {
		case 0:
			g.put(g.pick(" x USE KEYS ", ", ", " UNNEST ", " LET y = ", " JOIN b ON a IN ", " JOIN b ON a = ", " SOME CLAUSE "))
			g.array()
		case 1:
			g.put(g.pick(" |> EXTEND ", " CLUSTER BY ", " SOME CLAUSE y, "))
			g.values(3)
		default:
			g.put(g.pick(" JOIN b ON a = ", " LET y = "))
			g.values(3)
		}
	}
}

// array writes an array or an object, which may contain others.
func (g *generator) array() {
	open, end, keys := "[", "]", g.d == Generic && g.chance(3)
	if keys {
		open, end = "{", "}"
	}
	g.put(open, g.space())
	for i := range 1 + g.r.IntN(3) {
		if i > 0 {
			g.put(",", g.space())
		}
		if keys {
			g.literal()
			g.put(":", g.space())
		}
		if g.chance(6) {
			g.array()
			continue
		}
		g.literal()
	}
	g.put(g.space(), end)
}
