// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"bytes"
	"crypto/fips140"
	"crypto/md5" //nolint:gosec // Oracle Database derives SQL_ID from MD5; it protects nothing here
	"encoding/binary"
	"strconv"
)

// sqlIDAlphabet has the 32 digits of an SQL_ID.
const sqlIDAlphabet = "0123456789abcdfghjkmnpqrstuvwxyz"

// OracleSQLID returns the SQL_ID and the HASH_VALUE that Oracle Database gives a
// statement in V$SQL. Both are derived from the MD5 of the text and one NUL byte.
// The text must be what the server parsed, byte for byte: it is neither trimmed nor
// folded here, and text that was sanitized or cut has another SQL_ID. Text with JDBC's
// ? placeholders needs RewriteJDBCPlaceholders first.
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

// oracleHash returns the MD5 of the text and one NUL byte. It is a name and
// protects nothing, so it stays available where GODEBUG=fips140=only forbids MD5.
func oracleHash(text string) (sum [md5.Size]byte) {
	var buf [1024]byte
	named := append(append(buf[:0], text...), 0)
	if fips140.Enforced() {
		return oracleHashUnenforced(named)
	}
	return md5.Sum(named) //nolint:gosec // see the import
}

// oracleHashUnenforced is a function of its own, since its closure makes named
// escape to the heap.
func oracleHashUnenforced(named []byte) (sum [md5.Size]byte) {
	named = bytes.Clone(named)
	fips140.WithoutEnforcement(func() { sum = md5.Sum(named) }) //nolint:gosec // see the import
	return sum
}

// RewriteJDBCPlaceholders returns the text as Oracle's JDBC driver sends it to the
// server: every ? outside quotes and comments becomes ":1 ", ":2 " and so on, with the
// space. It reports whether there was one; otherwise it returns the text unchanged.
func RewriteJDBCPlaceholders(text string) (rewritten string, found bool) {
	l := newLexer(text, Oracle)
	var out []byte
	last, n := 0, 0
	var prev token
	for tok := l.next(prev); tok.kind != tokenEOF; tok = l.next(prev) {
		if tok.kind != tokenComment {
			prev = tok
		}
		if tok.kind != tokenBind || text[tok.start] != '?' {
			continue
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
	}
	if n == 0 {
		return text, false
	}
	return string(append(out, text[last:]...)), true
}
