// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Read reads the attributes of a span into s, and returns the kind of call that they
// describe. s is meaningful only for KindDatabase. scope is the result of LookupScope
// for the span's scope. Read allocates nothing for a span without database
// attributes.
//
// A span with attributes of an HTTP request, a remote procedure call, a message or
// another kind of call is a database span only if it also names a database system,
// as the spans of Elasticsearch and DynamoDB do. A port or a scope is not enough.
func (s *Span) Read(attrs pcommon.Map, scope Scope) Kind {
	seen := survey(attrs)
	if !seen.suggestsDatabase(&scope) {
		return seen.kind()
	}
	return s.read(attrs, seen, &scope, s.Sent.systemName(), nil)
}

// read is Read after the survey. It also notes the layout, unless l is nil. named is the
// name that s.System was found by.
func (s *Span) read(attrs pcommon.Map, seen presence, scope *Scope, named string, l *layout) Kind {
	s.Sent = Sent{}
	s.Sent.read(attrs, l)
	if l != nil {
		l.database = seen&hasDatabase != 0
	}
	if seen&hasOther != 0 && s.Sent.systemName() == "" {
		s.System = System{}
		return seen.kind()
	}
	if !s.resolve(scope, seen&hasDatabase != 0, named) {
		return KindOther
	}
	return KindDatabase
}

// presence is what the names of a span's attributes show, without their values.
type presence uint8

const (
	hasDatabase presence = 1 << iota
	hasHTTP
	hasRPC
	hasMessaging
	hasElse
	hasPort

	hasOther = hasHTTP | hasRPC | hasMessaging | hasElse
)

// kind returns the kind of call of a span that is not a database span.
func (p presence) kind() Kind {
	switch {
	// RPC and messaging come first, because they use HTTP too.
	case p&hasMessaging != 0:
		return KindMessaging
	case p&hasRPC != 0:
		return KindRPC
	case p&hasHTTP != 0:
		return KindHTTP
	default:
		return KindOther
	}
}

// suggestsDatabase reports whether the span's attributes can describe a call to a database.
func (p presence) suggestsDatabase(scope *Scope) bool {
	return p&hasDatabase != 0 || p&hasOther == 0 && (scope.Database || p&hasPort != 0)
}

// survey looks only at the names of the attributes. Most spans have nothing to do
// with a database, and nothing else is done for them.
func survey(attrs pcommon.Map) presence {
	var seen presence
	for key := range attrs.All() {
		if len(key) < 6 {
			continue
		}
		switch key[0] {
		case 'd':
			if key[:3] == "db." {
				seen |= hasDatabase
			} else if key[:4] == "dns." {
				seen |= hasElse
			}
		case 'D', 'O', 'A', 'S':
			switch key {
			case AttrAPMStatement, AttrOracleOperation, AttrOriginalSQLText, AttrActualSQLText, AttrJDBCSQLID:
				seen |= hasDatabase
			}
		case 'o':
			if strings.HasPrefix(key, "oracle.db.") {
				seen |= hasDatabase
			}
		case 'h':
			if key[:5] == "http." {
				seen |= hasHTTP
			}
		case 'u':
			if key[:4] == "url." {
				seen |= hasHTTP
			}
		case 'r':
			if key[:4] == "rpc." {
				seen |= hasRPC
			}
		case 'm':
			if strings.HasPrefix(key, "messaging.") {
				seen |= hasMessaging
			} else if key[:4] == "mcp." {
				seen |= hasElse
			}
		case 'f':
			if key[:5] == "faas." {
				seen |= hasElse
			}
		case 'g':
			if strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "graphql.") {
				seen |= hasElse
			}
		case 'j':
			if key == AttrJDBCQuery {
				seen |= hasDatabase
			}
		case 'n', 's':
			if key == AttrNetPeerPort || key == AttrServerPort {
				seen |= hasPort
			}
		}
	}
	return seen
}

// read copies the values of the attributes to t, and notes their places, unless l is nil.
func (t *Sent) read(attrs pcommon.Map, l *layout) {
	if l != nil {
		l.system, l.discard = -1, false
	}
	i := 0
	for key, value := range attrs.All() {
		text, number := t.field(key)
		switch {
		case text != nil && value.Type() == pcommon.ValueTypeStr:
			*text = value.Str()
		case text == &t.RedisIndex && value.Type() == pcommon.ValueTypeInt:
			*text = strconv.FormatInt(value.Int(), 10)
		case text != nil && value.Type() != pcommon.ValueTypeEmpty:
			t.Odd = true
		case number != nil:
			*number = asNumber(value)
			if *number == 0 && value.Type() != pcommon.ValueTypeStr && value.Type() != pcommon.ValueTypeEmpty {
				t.Odd = true
			}
		}
		if l != nil && i < maxLayout {
			l.note(i, key, text, number)
		}
		i++
	}
}

// asNumber returns a value as a number, also if it is a string; 0 if it is neither.
func asNumber(value pcommon.Value) int64 {
	switch value.Type() {
	case pcommon.ValueTypeInt:
		return value.Int()
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(value.Str(), 10, 64)
		if err != nil {
			return 0
		}
		return n
	default:
		return 0
	}
}
