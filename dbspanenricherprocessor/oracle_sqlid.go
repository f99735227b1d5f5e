// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"
	"unicode/utf16"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// sqlIDs are the SQL_IDs of a complete text. They are "" if the server cannot have
// parsed this text, because a tool has cut it or the JDBC driver rewrites it.
type sqlIDs struct {
	direct string // if the server parsed exactly this text
	jdbc   string // if it went through JDBC; "" if the driver's version decides and is not known
	// doubtful reports whether the Java agent may have rewritten the statement to this
	// text under the legacy names.
	doubtful bool
}

// oracleSQLIDs returns the SQL_IDs of a complete text.
func oracleSQLIDs(text string, driver OracleJDBCDriver) sqlIDs {
	if strings.HasSuffix(text, "...") || strings.HasSuffix(text, "…") || hasJDBCEscape(text) {
		return sqlIDs{}
	}
	ids := sqlIDs{doubtful: mayBeCutByAgent(text)}
	through := sqltext.JDBCText{Server: text}
	if strings.Contains(text, "?") || strings.Contains(text, "--") || strings.HasPrefix(text, " ") {
		version := sqltext.JDBCUntil21
		if driver == OracleJDBCFrom23 {
			version = sqltext.JDBCFrom23
		}
		through = sqltext.RewriteJDBCPlaceholders(text, version)
		if through.MaskedLiteral || hasMaskedHint(text) {
			return sqlIDs{}
		}
		ids.doubtful = ids.doubtful || through.OneItemList || through.OpenLineComment
	}
	if !through.Placeholders {
		ids.direct, _ = sqltext.OracleSQLID(text)
	}
	switch {
	case through.Differs && driver == OracleJDBCAny:
	case through.Server == text:
		ids.jdbc = ids.direct
	default:
		ids.jdbc, _ = sqltext.OracleSQLID(through.Server)
	}
	return ids
}

// hasMaskedHint reports whether a hint contains a "?". No hint does, unless the Java agent
// has replaced a number, as in FIRST_ROWS(10).
func hasMaskedHint(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "/*+")
		if !found {
			return false
		}
		hint, rest, _ := strings.Cut(rest, "*/")
		if strings.Contains(hint, "?") {
			return true
		}
		text = rest
	}
}

// agentMaxLength is the number of characters that the Java agent cuts a statement to.
// Source: opentelemetry-java-instrumentation, SqlSanitizer's LIMIT.
const agentMaxLength = 32 << 10

// mayBeCutByAgent reports whether the text is as long as one that the Java agent has
// cut. Java counts UTF-16 code units.
func mayBeCutByAgent(text string) bool {
	if len(text) < agentMaxLength {
		return false
	}
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n == agentMaxLength || n == agentMaxLength-1 // a surrogate pair is not split
}

// hasJDBCEscape reports whether the text may have one of JDBC's escapes, such as
// {call p(?)} or {ts '…'}. Source: JDBC specification, escape syntax.
func hasJDBCEscape(text string) bool {
	for {
		brace := strings.IndexByte(text, '{')
		if brace < 0 {
			return false
		}
		text = text[brace+1:]
		if strings.HasPrefix(text, `\`) {
			return true // Oracle's own, {\ … \}, for a text in which "?" is no placeholder
		}
		text = strings.TrimLeft(text, " \t\r\n")
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

// maxJDBCEscape is an upper limit for the length in bytes of the first word of an escape.
const maxJDBCEscape = 10
