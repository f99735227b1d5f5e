// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"bytes"
	"crypto/fips140"
	"crypto/md5" //nolint:gosec // Oracle Database derives SQL_ID from MD5; it protects nothing here
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
)

// sqlIDAlphabet is the 32 digits of an SQL_ID.
const sqlIDAlphabet = "0123456789abcdfghjkmnpqrstuvwxyz"

// OracleSQLID returns the SQL_ID and the HASH_VALUE that Oracle Database gives a
// statement in V$SQL. Both are derived from the MD5 of the text and one NUL byte.
// The text must be exactly what the server parsed: it is neither trimmed nor folded
// here, and text that was sanitized or cut has a different SQL_ID. Text with JDBC's ?
// placeholders needs RewriteJDBCPlaceholders first.
func OracleSQLID(text string) (id string, hash uint32) {
	sum := oracleHash(text)
	n := uint64(binary.LittleEndian.Uint32(sum[8:]))<<32 | uint64(binary.LittleEndian.Uint32(sum[12:]))
	hash = uint32(n) //nolint:gosec // HASH_VALUE is the lower half

	var digits [13]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = sqlIDAlphabet[n&31]
		n >>= 5
	}
	return string(digits[:]), hash
}

// oracleHash returns the MD5 of the text and one NUL byte. The hash is only a name and
// protects nothing, so it is also computed when GODEBUG=fips140=only forbids MD5.
func oracleHash(text string) (sum [md5.Size]byte) {
	var buf [1024]byte
	named := append(append(buf[:0], text...), 0)
	if fips140.Enforced() {
		return oracleHashUnenforced(named)
	}
	return md5.Sum(named) //nolint:gosec // see the import
}

// oracleHashUnenforced is a separate function because its closure makes named escape to
// the heap.
func oracleHashUnenforced(named []byte) (sum [md5.Size]byte) {
	named = bytes.Clone(named)
	fips140.WithoutEnforcement(func() { sum = md5.Sum(named) }) //nolint:gosec // see the import
	return sum
}

// JDBCDriver is a version of Oracle's JDBC driver. Source: what the drivers 19.23, 21.13,
// 21.17, 23.2, 23.4 and 23.9 send.
type JDBCDriver uint8

const (
	// JDBCUntil21 removes spaces at the beginning of a text. It sends each ? as ":1 ",
	// with a space in addition to the white space that follows.
	JDBCUntil21 JDBCDriver = iota
	// JDBCFrom23 sends a space in place of the white space that follows a ?.
	JDBCFrom23
)

// JDBCText is the result of RewriteJDBCPlaceholders.
type JDBCText struct {
	// Server is the text as the driver sends it to the server.
	Server string
	// Differs reports whether another version of the driver sends another text.
	Differs bool
	// Placeholders reports whether the text has a ? placeholder.
	Placeholders bool
	// OneItemList reports whether a list after IN is just one ?. The Java agent
	// shortens every list of placeholders and literals to this.
	OneItemList bool
	// MaskedLiteral reports whether the text has a ? where only a literal is valid, as
	// in DATE ?.
	MaskedLiteral bool
	// OpenLineComment reports whether a comment that begins with -- extends to the end
	// of the text.
	OpenLineComment bool
}

// RewriteJDBCPlaceholders rewrites a text as a version of Oracle's JDBC driver does. It
// sends each ? outside quotes and comments as ":1 ", ":2 " and so on, including the space.
func RewriteJDBCPlaceholders(text string, driver JDBCDriver) JDBCText {
	found := JDBCText{Differs: strings.HasPrefix(text, " ")}
	if driver == JDBCUntil21 {
		text = strings.TrimLeft(text, " ")
	}
	found.Server = text
	l := newLexer(text, Oracle)
	var out []byte
	last, n := 0, 0
	var prev token
	list := 0 // the number of tokens of IN ( ? ) read so far
	for tok := l.next(prev); tok.kind != tokenEOF; tok = l.next(prev) {
		if tok.kind == tokenComment {
			found.OpenLineComment = found.OpenLineComment || text[tok.start] == '-' && tok.end == len(text)
			continue
		}
		before := prev
		prev = tok
		switch c := text[tok.start]; {
		case tok.kw == kwIn:
			list = 1
		case tok.kind == tokenPunct && c == '(' && list == 1:
			list = 2
		case tok.kind == tokenBind && c == '?' && list == 2:
			list = 3
		default:
			found.OneItemList = found.OneItemList || tok.kind == tokenPunct && c == ')' && list == 3
			list = 0
		}
		if tok.kind != tokenBind || text[tok.start] != '?' {
			continue
		}
		if before.kind == tokenWord {
			switch word := text[before.start:before.end]; len(word) {
			case 1, 2: // N'…', q'…', nq'…'
				found.MaskedLiteral = found.MaskedLiteral || before.end == tok.start
			case 4, 8, 9:
				found.MaskedLiteral = found.MaskedLiteral || strings.EqualFold(word, "DATE") || strings.EqualFold(word, "INTERVAL") ||
					strings.EqualFold(word, "TIMESTAMP")
			}
		}
		if out == nil {
			out = make([]byte, 0, len(text)+16)
		}
		n++
		out = append(out, text[last:tok.start]...)
		out = append(out, ':')
		out = strconv.AppendInt(out, int64(n), 10)
		out = append(out, ' ')
		last = tok.start + 1
		if rest := strings.TrimLeftFunc(text[last:], isDroppedSpace); len(rest) < len(text)-last {
			found.Differs = true
			if driver == JDBCFrom23 {
				last = len(text) - len(rest)
			}
		}
	}
	if n > 0 {
		found.Placeholders, found.Server = true, string(append(out, text[last:]...))
	}
	return found
}

// isDroppedSpace reports whether JDBCFrom23 drops a character after a placeholder.
func isDroppedSpace(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Zs, r)
}
