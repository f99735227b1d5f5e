// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// oracleSQLIDs returns the SQL_ID of a complete text, if the server parsed it as it
// is, and if it went through JDBC. Both are "" if the server cannot have parsed this
// text, because a tool has cut it or the JDBC driver rewrites it.
func oracleSQLIDs(text string) (id, jdbcID string) {
	if strings.HasSuffix(text, "...") || strings.HasSuffix(text, "…") || hasJDBCEscape(text) {
		return "", ""
	}
	if strings.Contains(text, "?") {
		if rewritten, found := sqltext.RewriteJDBCPlaceholders(text); found {
			jdbcID, _ = sqltext.OracleSQLID(rewritten)
			return "", jdbcID
		}
	}
	id, _ = sqltext.OracleSQLID(text)
	return id, id
}

// hasJDBCEscape reports whether the text may have one of JDBC's escapes, such as
// {call p(?)} or {ts '…'}. Source: JDBC specification, escape syntax.
func hasJDBCEscape(text string) bool {
	for {
		brace := strings.IndexByte(text, '{')
		if brace < 0 {
			return false
		}
		text = strings.TrimLeft(text[brace+1:], " \t\r\n")
		if strings.HasPrefix(text, "?") {
			return true
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r < 'A' || 'Z' < r && r < 'a' || 'z' < r })
		if end < 0 {
			end = len(text)
		}
		switch strings.ToLower(text[:min(end, maxJDBCEscape)]) {
		case "call", "d", "t", "ts", "fn", "oj", "escape", "limit", "returning":
			return true
		}
	}
}

// maxJDBCEscape is a length in bytes that no word at the start of an escape exceeds.
const maxJDBCEscape = 10
