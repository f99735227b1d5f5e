// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Reader reads one span after another. It is faster than Span.Read for spans that have the
// same attributes as the database span before, in the same order, as most spans of one
// instrumentation have: it does not look up their names, and it finds the database again
// only if an attribute for it has another value.
type Reader struct {
	// Span has what was read last. It is meaningful only after KindDatabase.
	Span Span

	// Those of the last database span.
	scope  Scope
	named  string // the name that the system was found by
	layout layout
}

// layout is the attributes of a span in their order.
type layout struct {
	length   int // 0 if nothing is known
	places   [maxLayout]place
	database bool // the span has database attributes
}

// readers has unused readers. Each points to itself, so that it cannot be on a stack.
var readers = sync.Pool{New: func() any { return new(Reader) }}

// NewReader returns a Reader that has read nothing. Release it after the last span.
func NewReader() *Reader {
	return readers.Get().(*Reader)
}

// Release gives the Reader back. It must not be used any more.
func (r *Reader) Release() {
	*r = Reader{} // the texts of the last span must not stay in memory
	readers.Put(r)
}

// maxLayout is the maximum number of attributes in a layout. Few database spans have more.
const maxLayout = 32

// place is one attribute of a layout.
type place struct {
	name string
	// text or number is where the attribute's value goes. Both are nil if the attribute
	// is not read.
	text   *string
	number *int64
	part   part
}

// part is what depends on an attribute.
type part uint8

const (
	// partStatement is the statement.
	partStatement part = 1 << iota
	// partCall is the operation, the collection and the SQL_ID.
	partCall
	// partDatabase is the system, the namespace and the host.
	partDatabase
)

// partOf returns what depends on the attribute with this name.
func partOf(name string) part {
	switch name {
	case AttrBatchSize, AttrRedisCommands, AttrRedisPipeline:
		return 0
	case AttrStatement, AttrQueryText, AttrAPMStatement, AttrOriginalSQLText, AttrActualSQLText, AttrJDBCQuery:
		return partStatement
	case AttrSummary, AttrOperation, AttrOperationName, AttrOracleOperation, AttrStoredProcedure,
		AttrSQLTable, AttrCollectionName, AttrMongoCollection, AttrCassandraTable, AttrCosmosContainer,
		AttrOracleSQLID, AttrJDBCSQLID, AttrODPSQLID, AttrAPMOracleSQLID:
		return partCall
	default:
		return partDatabase
	}
}

// Read is Span.Read. In addition, it reports whether the database is certainly the one of
// the database span before: its system, its namespace and its host.
func (r *Reader) Read(attrs pcommon.Map, scope *Scope) (kind Kind, same bool) {
	var changed part
	ok := false
	if l := &r.layout; l.length != 0 && l.length == attrs.Len() && *scope == r.scope {
		changed, ok = r.reread(attrs)
	}
	switch {
	case !ok:
		kind = r.Span.read(attrs, scope, r.named, &r.layout)
	case changed&partDatabase == 0:
		if changed&partStatement != 0 {
			r.Span.resolveStatement()
		}
		if changed&partCall != 0 {
			r.Span.resolveCall()
		}
		return KindDatabase, true
	case r.Span.resolve(scope, r.layout.database, r.named):
		kind = KindDatabase
	default:
		r.layout.length = 0
	}
	if kind == KindDatabase {
		r.scope, r.named = *scope, r.Span.Sent.systemName()
	}
	return kind, false
}

// reread reads the values of a span with as many attributes as the layout of the span
// before has, and returns what depends on those that have changed. It fails if the layout
// is another one, or if a value has a type that needs a closer look.
func (r *Reader) reread(attrs pcommon.Map) (changed part, ok bool) {
	l := &r.layout
	i, failed, written := 0, false, false
	for name, value := range attrs.All() {
		p := &l.places[i]
		i++
		if name != p.name {
			failed = true
			break
		}
		switch {
		case p.text != nil:
			text := value.Str()
			// Comparing long statements, which differ, would cost more than it saves.
			if p.part != partStatement && text == *p.text && text != "" {
				continue
			}
			changed |= p.part
			if text == "" || *p.text == "" {
				// The database may depend on whether there is a value.
				changed |= partDatabase
			}
			failed = failed || text == ""
			*p.text, written = text, true
		case p.number != nil:
			number := value.Int()
			if number == *p.number && number != 0 {
				continue
			}
			changed |= p.part
			failed = failed || number == 0
			*p.number, written = number, true
		}
	}
	if failed {
		if written { // Sent is now a mixture of two spans
			l.length, r.named = 0, ""
		}
		return 0, false
	}
	if r.Span.Sent.Odd {
		r.Span.Sent.Odd = false
		changed |= partDatabase // without another attribute, this shows a call
	}
	return changed, true
}
