// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"cmp"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// batch is the state of processing one batch.
type batch struct {
	counts    counts
	reader    *dbspan.Reader
	additions additions
	redactor  redactor

	// Those of the last span. Most spans of a batch have the same system.
	system  dbspan.System
	grammar grammar
}

// grammarOf returns the grammar of the system's statements.
func (b *batch) grammarOf(system dbspan.System) grammar {
	if system != b.system {
		b.system, b.grammar = system, grammarOf(system)
	}
	return b.grammar
}

// counts has the numbers of one batch for the processor's metrics.
type counts struct {
	spans, hits, misses, unparsed int64
}

// origin has what the spans of one resource share.
type origin struct {
	resource pcommon.Map
	// language is the SDK's language, or nil if it was not looked up yet.
	language *string
}

// passesJDBC reports whether a "?" in a statement can be a bind variable of JDBC. It can,
// unless the SDK is known to be for another language: no other driver for Oracle Database
// accepts "?".
func (o *origin) passesJDBC() bool {
	return o.sdkLanguage() == "" || o.isJava()
}

func (o *origin) isJava() bool { return o.sdkLanguage() == "java" }

func (o *origin) sdkLanguage() string {
	if o.language == nil {
		language := ""
		if value, ok := o.resource.Get("telemetry.sdk.language"); ok {
			language = value.Str()
		}
		o.language = &language
	}
	return *o.language
}

// enrich adds missing attributes to a span. b.reader has what was read from the span.
func (e *enricher) enrich(span ptrace.Span, from *origin, b *batch) {
	db, n := b.reader.Span, &b.counts
	n.spans++
	g := b.grammarOf(db.System)
	text := db.Statement
	s := noStatement
	if text != "" {
		s = e.statement(g, text, n)
		if s.unparsed {
			n.unparsed++
		}
	}

	a := &b.additions
	a.length = 0
	operation := e.operation(span, db, s)
	e.addAlways(a, db, s, operation)
	if e.cfg.Conventions != ConventionsStable {
		e.addLegacy(a, db, s)
	}
	if e.cfg.Conventions != ConventionsLegacy {
		e.addStable(a, db, s, operation)
	}
	if e.addStatement {
		a.text(apmStatement, db.Sent.APMStatement, s.sanitized)
	}
	if e.addSQLID && db.Sent.APMOracleSQLID == "" {
		a.text(apmOracleSQLID, "", e.oracleSQLID(db, s, from))
	}
	a.apply(span.Attributes(), db.Sent.Odd)

	// This comes last, since the additions may copy the statement to other attributes.
	if text != "" && e.analyzer.alters() || e.cfg.QueryText.Sanitize == SanitizeAlways {
		e.redactCopies(span, b, g, s)
	}
	if e.cfg.SpanName == SpanNameSummary {
		if summary, ok := span.Attributes().Get(dbspan.AttrSummary); ok && summary.Str() != "" {
			span.SetName(summary.Str())
		}
	}
}

// addAlways adds the attributes that APM reads, and those with one name in both
// generations.
func (e *enricher) addAlways(a *additions, db *dbspan.Span, s *statement, operation string) {
	t := &db.Sent
	a.text(dbspan.AttrSystem, t.System, db.System.Legacy)
	a.text(dbspan.AttrStatement, t.Statement, s.sanitized)
	a.text(dbspan.AttrOperation, t.Operation, operation)
	a.text(dbspan.AttrSummary, t.Summary, e.summary(db, s))
}

// addLegacy adds the other legacy attributes.
func (e *enricher) addLegacy(a *additions, db *dbspan.Span, s *statement) {
	t := &db.Sent
	if index, ok := redisIndex(db); ok {
		if t.Name == "" && t.RedisIndex == "" {
			a.number(dbspan.AttrRedisIndex, index)
		}
	} else {
		a.text(dbspan.AttrName, t.Name, db.Namespace)
	}
	if t.SQLTable == "" && t.MongoCollection == "" && t.CassandraTable == "" && t.CosmosContainer == "" {
		if name := collectionName(db.System); name != "" {
			a.text(name, "", e.collection(db, s))
		}
	}
	a.text(dbspan.AttrNetPeerName, t.NetPeerName, db.ServerAddress)
	if t.NetPeerPort == 0 && db.ServerPort != 0 {
		a.number(dbspan.AttrNetPeerPort, db.ServerPort)
	}
}

// redisIndex returns the number of a Redis database, which has its own legacy attribute.
func redisIndex(db *dbspan.Span) (int64, bool) {
	if db.System.Language != dbspan.LanguageRedis {
		return 0, false
	}
	index, err := strconv.ParseUint(db.Namespace, 10, 31)
	return int64(index), err == nil
}

// collectionName returns the legacy name of the attribute for the collection, or "" if
// the legacy conventions have none for the system.
func collectionName(system dbspan.System) string {
	switch system.Legacy {
	case "mongodb":
		return dbspan.AttrMongoCollection
	case "cassandra":
		return dbspan.AttrCassandraTable
	case "cosmosdb":
		return dbspan.AttrCosmosContainer
	}
	if system.Language != dbspan.LanguageSQL {
		return ""
	}
	return dbspan.AttrSQLTable
}

// addStable adds the stable attributes.
func (e *enricher) addStable(a *additions, db *dbspan.Span, s *statement, operation string) {
	t := &db.Sent
	a.text(dbspan.AttrSystemName, t.SystemName, db.System.Stable)
	a.text(dbspan.AttrQueryText, t.QueryText, s.sanitized)
	a.text(dbspan.AttrOperationName, t.OperationName, operation)
	a.text(dbspan.AttrNamespace, t.Namespace, db.Namespace)
	a.text(dbspan.AttrCollectionName, t.CollectionName, e.collection(db, s))
	if size := max(t.RedisCommands, t.RedisPipeline); t.BatchSize == 0 && size > 1 {
		a.number(dbspan.AttrBatchSize, size)
	}
	a.text(dbspan.AttrStoredProcedure, t.StoredProcedure, e.derived(db, s.procedure))
	a.text(dbspan.AttrServerAddress, t.ServerAddress, db.ServerAddress)
	if t.ServerPort == 0 && db.ServerPort != 0 {
		a.number(dbspan.AttrServerPort, db.ServerPort)
	}
}

// operation returns, in order of preference, the operation that the application sent,
// the one of the statement, or the one in the span's name.
func (e *enricher) operation(span ptrace.Span, db *dbspan.Span, s *statement) string {
	if db.Operation != "" {
		if withTarget(db.Operation, s.operation) {
			return s.operation
		}
		return db.Operation
	}
	if isPipeline(db, s) {
		return s.pipeline
	}
	if s.operation != "" {
		return s.operation
	}
	// Not if another collector may have named the span after its summary.
	if db.System.Language == dbspan.LanguageSQL && (e.cfg.SpanName == SpanNameKeep || db.Sent.Summary == "") {
		if verb := verbOf(span.Name()); verb != "" {
			return verb
		}
	}
	return db.Call
}

// withTarget reports whether the application sent the operation with something after
// it. SQLAlchemy's instrumentation sends "INSERT hotel".
func withTarget(sent, operation string) bool {
	n := len(operation)
	return n > 0 && len(sent) > n && sent[n] == ' ' && strings.EqualFold(sent[:n], operation)
}

// verbOf returns the SQL verb at the start of a span's name, or "": "SELECT shop",
// "pg.query:INSERT shop".
func verbOf(name string) string {
	name, _, _ = strings.Cut(name, " ")
	name = name[strings.LastIndexByte(name, ':')+1:]
	switch name {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "CALL", "BEGIN", "DECLARE", "COMMIT", "ROLLBACK", "CREATE", "ALTER", "DROP", "TRUNCATE":
		return name
	default:
		return ""
	}
}

// collection returns the collection that the application sent, or else the one of the
// statement.
func (e *enricher) collection(db *dbspan.Span, s *statement) string {
	return cmp.Or(db.Collection, e.derived(db, s.collection))
}

// derived returns a value that was found in the statement, or "" if another collector
// may have cut the text: the rest may have another meaning.
func (e *enricher) derived(db *dbspan.Span, value string) string {
	if e.cfg.QueryText.MaxLength > 0 && db.Sent.Summary != "" {
		return ""
	}
	return value
}

// summary returns the summary of the statement. Source of BATCH: semantic conventions,
// db.query.summary.
func (e *enricher) summary(db *dbspan.Span, s *statement) string {
	if isPipeline(db, s) {
		return s.pipeline
	}
	if s.summary == "" && db.System.Language == dbspan.LanguageMongo && db.Collection != "" {
		if operation := cmp.Or(db.Operation, s.operation); operation != "" {
			return operation + " " + db.Collection
		}
	}
	if s.summary != "" && db.Sent.BatchSize > 1 && db.Sent.Summary == "" {
		return "BATCH " + s.summary
	}
	return s.summary
}

// isPipeline reports whether the span is a pipeline of Redis commands. A line break is
// not enough, because an argument can have one.
func isPipeline(db *dbspan.Span, s *statement) bool {
	t := &db.Sent
	return s.pipeline != "" && (t.RedisCommands > 1 || t.RedisPipeline > 1 || t.BatchSize > 1)
}

// oracleSQLID returns the SQL_ID that the driver reported, or else the one that is
// computed from the statement.
func (e *enricher) oracleSQLID(db *dbspan.Span, s *statement, from *origin) string {
	switch {
	case db.OracleSQLID != "":
		return db.OracleSQLID
	case db.System.Legacy != dbspan.Oracle.Legacy:
		return ""
	case e.analyzer.alters() && db.Sent.APMStatement != "":
		// This span has passed such a processor before. The server may have parsed
		// another text. That processor would have added the SQL_ID.
		return ""
	case db.ServerText != "":
		return oracleSQLIDs(db.ServerText, e.analyzer.driver).direct
	case s.sqlIDs.doubtful && fromAgent(db, from):
		return ""
	case db.JDBC || from.isJava():
		return s.sqlIDs.jdbc
	case s.sqlIDs.direct != "":
		return s.sqlIDs.direct
	case from.passesJDBC():
		return s.sqlIDs.jdbc
	default:
		return ""
	}
}

// fromAgent reports whether the Java agent may have rewritten the statement. It does so
// under the legacy name. Under the stable one it does not change text with placeholders.
func fromAgent(db *dbspan.Span, from *origin) bool {
	t := &db.Sent
	if t.Statement != db.Statement || t.QueryText != "" && t.APMStatement == "" {
		return false // db.query.text can be a copy only if DbStatement was added too
	}
	return db.JDBC || from.isJava() || from.passesJDBC() && strings.Contains(db.Statement, "?")
}

// additions collects the attributes to add to a span, so that its map grows once.
type additions struct {
	length  int
	entries [maxAdditions]addition
}

// maxAdditions is the maximum number of attributes that are added to a span.
const maxAdditions = 20

// addition is an attribute to add.
type addition struct {
	name, text string
	number     int64 // if text is empty
}

// text adds an attribute, unless the application sent it or there is no value.
func (a *additions) text(name, sent, value string) {
	if sent == "" && value != "" {
		a.entries[a.length] = addition{name: name, text: value}
		a.length++
	}
}

// number adds an attribute.
func (a *additions) number(name string, value int64) {
	a.entries[a.length] = addition{name: name, number: value}
	a.length++
}

// spareAttributes is room for attributes that later processors add, such as
// peer.service. Without it the map would grow a second time, to twice its size.
const spareAttributes = 2

// apply writes the additions. odd reports whether the application sent an attribute of a
// type that the conventions do not allow. Such a value stays.
func (a *additions) apply(attrs pcommon.Map, odd bool) {
	if a.length == 0 {
		return
	}
	attrs.EnsureCapacity(attrs.Len() + a.length + spareAttributes)
	for i := range a.entries[:a.length] {
		entry := &a.entries[i]
		if odd {
			if value, found := attrs.Get(entry.name); found && value.Type() != pcommon.ValueTypeEmpty && value.Type() != pcommon.ValueTypeStr {
				continue
			}
		}
		if entry.text != "" {
			attrs.PutStr(entry.name, entry.text)
		} else {
			attrs.PutInt(entry.name, entry.number)
		}
	}
}
