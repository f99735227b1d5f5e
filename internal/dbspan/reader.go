// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Reader reads one span after another. It is faster than Span.Read for spans that have the
// same attributes as an earlier database span, in the same order, as most spans of one
// instrumentation have: it does not look up their names, and it finds the database again
// only if an attribute for it has another value.
type Reader struct {
	// Span has what was read last. It is meaningful only after KindDatabase.
	Span *Span

	samples [Samples]sample
	lengths [Samples]int // the numbers of their attributes; 0 if nothing is known
	known   uint64       // has a bit for each of these numbers
	current int          // the index of Span's sample
}

// Samples is the maximum number of layouts and systems that a Reader knows at once.
const Samples = 16

// sample is a database span that others are compared with.
type sample struct {
	span   Span
	scope  Scope
	named  string // the name that the system was found by
	layout layout
}

// layout is the attributes of a span in their order.
type layout struct {
	places   [maxLayout]place
	system   int  // the index of the system's name; -1 if there is none
	discard  bool // not kept after the batch
	database bool // the span has database attributes
}

// Readers keeps unused readers of one component, so that spans are also compared with
// those of earlier batches. The zero value is ready to use.
type Readers struct {
	pool sync.Pool
}

// Get returns a Reader. Give it back with Put after the last span.
func (rs *Readers) Get() *Reader {
	if r, ok := rs.pool.Get().(*Reader); ok {
		return r
	}
	return new(Reader)
}

// Put gives a Reader back. It must not be used any more.
func (rs *Readers) Put(r *Reader) {
	for i := range r.samples {
		if r.samples[i].layout.discard {
			r.samples[i] = sample{}
			r.setLength(i, 0)
		}
		if r.lengths[i] != 0 {
			r.samples[i].dropStatements()
		}
	}
	r.Span = nil
	rs.pool.Put(r)
}

// dropStatements frees the memory of what is not compared.
func (s *sample) dropStatements() {
	t := &s.span.Sent
	for _, text := range [...]*string{&t.Statement, &t.QueryText, &t.APMStatement, &t.OriginalSQLText, &t.ActualSQLText, &t.JDBCQuery} {
		if *text != "" {
			*text = "-" // the next span sets it again
		}
	}
	s.span.Statement, s.span.ServerText = "", ""
}

const (
	// maxLayout is the maximum number of attributes in a layout. Few database spans have
	// more.
	maxLayout = 32

	// maxKept is the maximum length of a value, and of a name, that is kept after the last
	// span of a batch, in bytes.
	maxKept = 256
)

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

// Sample returns the index of the sample that Span was compared with, below Samples.
func (r *Reader) Sample() int { return r.current }

// note records an attribute that was read into text or into number, if it has a field.
func (l *layout) note(i int, name string, text *string, number *int64) {
	p := &l.places[i]
	*p = place{name: name, text: text, number: number}
	l.discard = l.discard || len(name) > maxKept
	if text == nil && number == nil {
		return
	}
	p.part = partOf(name)
	if text == nil {
		return
	}
	if name == AttrSystem || name == AttrSystemName {
		l.system = i
	}
	l.discard = l.discard || p.part != partStatement && len(*text) > maxKept
}

// Read is Span.Read. In addition, it reports whether the database is certainly the one of
// the last span with the same Sample: its system, its namespace and its host.
func (r *Reader) Read(attrs pcommon.Map, scope *Scope) (kind Kind, same bool) {
	length := attrs.Len()
	if length <= maxLayout && r.known>>length&1 != 0 {
		var ok bool
		if kind, same, ok = r.compare(attrs, scope); ok {
			return kind, same
		}
	}
	seen := survey(attrs)
	if !seen.suggestsDatabase(scope) {
		return seen.kind(), false
	}
	r.current = r.free()
	s := &r.samples[r.current]
	r.Span = &s.span
	kind = s.span.read(attrs, seen, scope, s.named, &s.layout)
	if kind != KindDatabase || length > maxLayout {
		r.forget(r.current)
		return kind, false
	}
	r.setLength(r.current, length)
	s.scope, s.named = *scope, s.span.Sent.systemName()
	return kind, false
}

// compare reads a span if it resembles a sample. Otherwise ok is false.
func (r *Reader) compare(attrs pcommon.Map, scope *Scope) (kind Kind, same, ok bool) {
	for i, length := range r.lengths {
		s := &r.samples[i]
		if length != attrs.Len() || s.scope != *scope || !s.resembles(attrs) {
			continue
		}
		changed, ok := s.reread(attrs)
		if !ok {
			r.forget(i)
			return KindOther, false, false
		}
		r.current, r.Span = i, &s.span
		if kind, same = s.resolve(changed); kind != KindDatabase {
			r.forget(i)
		}
		return kind, same, true
	}
	return KindOther, false, false
}

// setLength sets the number of attributes of a sample.
func (r *Reader) setLength(i, length int) {
	r.lengths[i], r.known = length, 0
	for _, length := range r.lengths {
		if length != 0 {
			r.known |= 1 << length
		}
	}
}

// forget makes a sample unused. Its span can still be used until the next one.
func (r *Reader) forget(i int) {
	s := &r.samples[i]
	s.layout.discard, s.named = true, ""
	r.setLength(i, 0)
}

// free returns the index of an unused sample, or else of the one after the current one.
func (r *Reader) free() int {
	for i, length := range r.lengths {
		if length == 0 {
			return i
		}
	}
	return (r.current + 1) % Samples
}

// resembles reports whether a span with as many attributes has the same names in the same
// order, and the same name of the system.
func (s *sample) resembles(attrs pcommon.Map) bool {
	i := 0
	for name, value := range attrs.All() {
		p := &s.layout.places[i]
		if name != p.name || i == s.layout.system && value.Str() != *p.text {
			return false
		}
		i++
	}
	return true
}

// resolve draws the conclusions from the attributes that have changed.
func (s *sample) resolve(changed part) (kind Kind, same bool) {
	switch {
	case changed&partDatabase == 0:
		if changed&partStatement != 0 {
			s.span.resolveStatement()
		}
		if changed&partCall != 0 {
			s.span.resolveCall()
		}
		return KindDatabase, true
	case s.span.resolve(&s.scope, s.layout.database, s.named):
		s.named = s.span.Sent.systemName()
		return KindDatabase, false
	default:
		return KindOther, false
	}
}

// reread reads the values of a span that resembles the sample, and returns what depends on
// those that have changed. It fails if a value has a type that needs a closer look.
func (s *sample) reread(attrs pcommon.Map) (changed part, ok bool) {
	l := &s.layout
	i, failed := 0, false
	for _, value := range attrs.All() {
		p := &l.places[i]
		i++
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
			l.discard = l.discard || p.part != partStatement && len(text) > maxKept
			*p.text = text
		case p.number != nil:
			number := value.Int()
			if number == *p.number && number != 0 {
				continue
			}
			changed |= p.part
			failed = failed || number == 0
			*p.number = number
		}
	}
	if failed {
		return 0, false // Sent is now a mixture of two spans
	}
	if s.span.Sent.Odd {
		s.span.Sent.Odd = false
		changed |= partDatabase // without another attribute, this shows a call
	}
	return changed, true
}
