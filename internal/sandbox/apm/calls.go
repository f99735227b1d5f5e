// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

const (
	// maxStatement is the length in bytes after which a statement is cut before its
	// literals are replaced.
	maxStatement = 32 << 10
	// maxCachedText limits the texts in a statementCache, in bytes.
	maxCachedText = 4 << 20
	// sqlIDLength is the length of Oracle's SQL_ID, and sqlIDLetters are its characters.
	sqlIDLength  = 13
	sqlIDLetters = "0123456789abcdfghjkmnpqrstuvwxyz"
	// minRepeats is the number of calls of one statement below one parent that is
	// reported as N+1.
	minRepeats = 10
)

// statement is what calls are grouped by. Of Oracle Database it is a SQL_ID, otherwise,
// or without one, the text without literals. It never changes.
type statement struct {
	// id is the SQL_ID or a hash.
	id     string
	sqlID  string
	system string
	// text has no literals. It is empty if the span has no statement.
	text string
	// name is the operation or the span's name, for a call without a statement.
	name string
	// literals is whether literals were replaced in the text.
	literals bool
}

// databaseCall is a CLIENT span that calls a database.
type databaseCall struct {
	span      int // index in the trace
	statement *statement
	// database is the callee's node in the topology or, for External Unknown, its
	// description.
	database string
	// service, start, end and failed are the span's.
	service    string
	start, end int64
	failed     bool
	// count is the number of calls that the span stands for, and total the sum of their
	// durations in nanoseconds: more than one if it is a summary of span_folding.
	count int
	total int64
	// weight is how many spans like this one there were, if it was sampled.
	weight float64
}

// mean returns the mean duration of the calls that the span stands for, in nanoseconds.
func (c *databaseCall) mean() int64 { return c.total / int64(c.count) }

// repetition is a statement that is called many times below one parent (N+1).
type repetition struct {
	statement *statement
	// parent and last are the indexes of the parent and of the call that ended last.
	parent, last int
	calls        int
	total        int64 // nanoseconds
}

// traceCalls are the database calls of a trace, in the order of their spans.
type traceCalls struct {
	spans int // of the trace
	calls []databaseCall

	once sync.Once
	// repeated is set by repetitions.
	repeated []repetition
}

// repetitions finds N+1 in the trace.
func (c *traceCalls) repetitions(trace storedTrace) []repetition {
	c.once.Do(func() { c.repeated = repetitionsOf(trace, c.calls) })
	return c.repeated
}

// callsOf returns the database calls of a trace. It remembers them, and reads only what
// has arrived since. The cache must be that of the trace's store.
func callsOf(trace storedTrace, cache *statementCache) *traceCalls {
	known := trace.calls.Load()
	switch {
	case known == nil:
		known = &traceCalls{}
	case known.spans == len(trace.spans):
		return known
	case known.spans > len(trace.spans): // the trace is an older copy
		end, _ := slices.BinarySearchFunc(known.calls, len(trace.spans), func(call databaseCall, spans int) int { return cmp.Compare(call.span, spans) })
		return &traceCalls{spans: len(trace.spans), calls: known.calls[:end]}
	}
	found := &traceCalls{spans: len(trace.spans), calls: readCalls(trace, known.spans, slices.Clip(known.calls), cache)}
	trace.calls.Store(found)
	return found
}

// readArrived reads the calls in traces that have arrived, so that the first request for
// statements need not read all of them.
func (s *store) readArrived(traces ptrace.Traces) {
	var last pcommon.TraceID
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				id := span.TraceID()
				if id == last {
					continue
				}
				last = id
				if trace, ok := s.trace(id); ok {
					callsOf(trace, &s.statements)
				}
			}
		}
	}
}

// readCalls appends the calls of a trace to calls, beginning with the span at from.
func readCalls(trace storedTrace, from int, calls []databaseCall, cache *statementCache) []databaseCall {
	var scopeName string
	scope := dbspan.LookupScope(scopeName)
	var db dbspan.Span
	for i := from; i < len(trace.spans); i++ {
		s := &trace.spans[i]
		if s.span.Kind() != ptrace.SpanKindClient {
			continue
		}
		if name := s.scope.Name(); name != scopeName {
			scopeName, scope = name, dbspan.LookupScope(name)
		}
		if db.Read(s.span.Attributes(), scope) != dbspan.KindDatabase {
			continue
		}
		database := attribute(s.span, "peer.service")
		if database == "" {
			database = databaseCallee(&db).String()
		}
		call := databaseCall{
			span: i, statement: cache.statementOf(&db, s.span.Name()), database: database,
			service: s.service, start: s.start, end: s.end, failed: s.failed, count: 1, total: s.duration(), weight: weightOf(s.span),
		}
		if folded := foldedOf(s.span.Attributes()); folded != nil {
			call.count, call.total = int(folded.Spans), folded.TotalDurationNS
		}
		calls = append(calls, call)
	}
	return calls
}

// repetitionsOf finds N+1 in a trace.
func repetitionsOf(trace storedTrace, calls []databaseCall) []repetition {
	count := 0
	for _, call := range calls {
		count += call.count
	}
	if count < minRepeats {
		return nil
	}
	type place struct {
		parent    int
		statement string
	}
	parentOf := parentsOf(trace)
	known := map[place]int{} // index in repeated
	var repeated []repetition
	for _, call := range calls {
		parent := parentOf(call.span)
		if parent < 0 {
			continue
		}
		key := place{parent, call.statement.id}
		at, ok := known[key]
		if !ok {
			at = len(repeated)
			known[key] = at
			repeated = append(repeated, repetition{statement: call.statement, parent: parent, last: call.span})
		}
		r := &repeated[at]
		r.calls += call.count
		r.total += call.total
		if call.end > trace.spans[r.last].end {
			r.last = call.span
		}
	}
	var found []repetition
	for _, r := range repeated {
		if r.calls >= minRepeats {
			found = append(found, r)
		}
	}
	return found
}

// parentsOf returns a function from a span's index to that of its parent, or to -1. It
// skips INTERNAL spans without another child: an object-relational mapper may wrap each
// call in one.
func parentsOf(trace storedTrace) func(int) int {
	byID := make(map[pcommon.SpanID]int, len(trace.spans))
	children := make(map[pcommon.SpanID]int, len(trace.spans))
	for i, s := range trace.spans {
		byID[s.span.SpanID()] = i
		children[s.span.ParentSpanID()]++
	}
	return func(span int) int {
		parent, ok := byID[trace.spans[span].span.ParentSpanID()]
		if !ok {
			return -1
		}
		for range trace.spans { // parents may form a cycle
			s := trace.spans[parent]
			above, ok := byID[s.span.ParentSpanID()]
			if !ok || !isInternal(s.span) || children[s.span.SpanID()] > 1 || trace.spans[above].service != s.service {
				break
			}
			parent = above
		}
		return parent
	}
}

// isInternal reports whether a span is INTERNAL, which is also what a missing kind means.
func isInternal(span ptrace.Span) bool {
	return span.Kind() == ptrace.SpanKindInternal || span.Kind() == ptrace.SpanKindUnspecified
}

// statementCache returns the same statement for the same text. Its texts are bounded.
type statementCache struct {
	mu    sync.Mutex
	known map[statementKey]*statement
	// made has the statements by their fields without the id, and texts the texts that
	// statements share.
	made  map[statement]*statement
	texts map[string]string
	bytes int
}

type statementKey struct{ system, sqlID, text, name string }

func (c *statementCache) statementOf(db *dbspan.Span, spanName string) *statement {
	key := statementKey{system: db.System.Legacy, text: firstBytes(db.Statement, maxStatement)}
	if key.system == "" {
		key.system = dbspan.OtherSQL.Legacy
	}
	if id := db.OracleSQLID; key.system == dbspan.Oracle.Legacy && isSQLID(id) {
		key.sqlID = id
	}
	switch db.System.Language {
	case dbspan.LanguageSQL, dbspan.LanguageUnknown:
	default:
		// Commands and JSON contain values that no SQL parser finds.
		word := ""
		if fields := strings.Fields(firstBytes(db.Statement, maxName)); len(fields) > 0 && isWord(fields[0]) {
			word = fields[0]
		}
		key.text = ""
		key.name = strings.TrimSpace(cmp.Or(db.Operation, strings.ToUpper(word)) + " " + db.Collection)
	}
	if key.text == "" && key.name == "" {
		key.name = cmp.Or(db.Operation, db.Call, spanName)
	}
	key.name = firstCharacters(key.name, maxName)

	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[key]; ok {
		return known
	}
	st := statement{sqlID: key.sqlID, system: key.system, name: key.name}
	st.text = sqltext.Sanitize(key.text, db.System.Dialect)
	st.literals = st.text != key.text
	if st.text == "" && st.name == "" { // it was a comment
		st.name = firstCharacters(cmp.Or(db.Operation, spanName), maxName)
	}
	size := 2*(len(key.text)+len(key.name)) + entryOverhead
	if c.known == nil || c.bytes+size > maxCachedText {
		c.known, c.made, c.texts, c.bytes = map[statementKey]*statement{}, map[statement]*statement{}, map[string]string{}, 0
	}
	c.bytes += size
	made, ok := c.made[st]
	if !ok {
		made = c.make(st)
	}
	c.known[key] = made
	return made
}

// make returns a statement with its id.
func (c *statementCache) make(st statement) *statement {
	if shared, ok := c.texts[st.text]; ok {
		st.text = shared
	}
	c.texts[st.text] = st.text
	made := st
	made.id = st.sqlID
	if made.id == "" {
		sum := sha256.Sum256([]byte(st.system + "\x00" + st.text + "\x00" + st.name))
		made.id = hex.EncodeToString(sum[:8])
	}
	c.made[st] = &made
	return &made
}

// isSQLID reports whether text has the form of Oracle's SQL_ID.
func isSQLID(text string) bool {
	return len(text) == sqlIDLength && strings.Trim(text, sqlIDLetters) == ""
}

// isWord reports whether text has only letters, dots and underscores, so that it can be
// a command.
func isWord(text string) bool {
	for i := range len(text) {
		if c := text[i] | 0x20; (c < 'a' || c > 'z') && text[i] != '.' && text[i] != '_' {
			return false
		}
	}
	return true
}
