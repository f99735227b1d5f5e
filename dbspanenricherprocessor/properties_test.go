// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
	"github.com/ociapm/otelcol-ociapm/internal/testutil/rounds"
)

// secret occurs only in literals.
const secret = "XSECRETX"

var (
	someSystems = []string{"", "oracle", "oracledb", "oracle.db", "postgresql", "mysql", "mssql", "sqlite", "redis", "mongodb", "memcached", "elasticsearch", "neo4j", "other_sql", "frobdb"}

	someStatements = []string{
		"", " ", "SELECT 1 FROM dual", "SELECT name FROM rooms WHERE id = :1", "SELECT name FROM rooms WHERE id = ?", "SELECT name FROM rooms WHERE id = $1",
		"INSERT INTO a (x) SELECT y FROM b", "BEGIN hotel.book_room(:1); END;", "{call raise_salary(?)}", "set key value", "GET key", `{"find":"orders","filter":{}}`,
		"SELECT 'open", "SELECT \"open", "/* open", "no sql at all", "\x00\xff\xfe", "SELECT * FROM \"é\u202e\" WHERE a = :b", "DELETE FROM \xff WHERE x = 'y'",
		"SELECT * FROM t WHERE a IN (1, 2, 3) AND b = 'c' ORDER BY 1", strings.Repeat("(", 300), "SELECT a FROM b UNION SELECT c FROM d...",
		"hotel.book_room", "DROP TABLE a; DELETE FROM b", "CREATE TABLE a (b NUMBER(?))", "incr a\nexpire a 60", "get a\nget b", "find {'name': 'x'}", "drop",
	}

	someSecrets = []struct{ system, text string }{
		{"oracle", "SELECT * FROM guests WHERE name = '%s'"},
		{"oracle", "SELECT * FROM guests WHERE name = q'[it's %s]' AND id = 7"},
		{"oracle", "UPDATE guests SET card = '41%s' WHERE id = :1"},
		{"oracle", "SELECT * FROM guests WHERE name = 'cut %s"},
		{"oracle.db", "INSERT INTO guests VALUES (N'%s', 1, :x)"},
		{"postgresql", "SELECT * FROM guests WHERE name = $$%s$$"},
		{"postgresql", `SELECT * FROM guests WHERE name = E'\'%s'`},
		{"mysql", `SELECT * FROM guests WHERE name = "%s"`},
		{"mssql", "SELECT * FROM [guests] WHERE name = N'%s'"},
		{"other_sql", "SELECT * FROM guests WHERE name = '%s'"},
		{"redis", "SET guest %s"},
		{"redis", "HMSET guest name %s"},
		{"mongodb", `{"find":"guests","filter":{"name":"%s"}}`},
		{"mongodb", `{"find":"guests","filter":{"name":"cut %s`},
		{"mongodb", "find {'name': '%s', 'born': datetime.datetime(1815, 12, 10)}"},
		{"mongodb", "insert [{'_id': 1, 'name': \"O'Brien %s\"}]"},
		{"redis", "set guest %s ex 60\nget guest"},
		{"elasticsearch", `{"query":{"match":{"name":"%s"}}}`},
		{"neo4j", `MATCH (n {name: '%s'}) RETURN n`},
		{"dynamodb", `{"Key": {"S": "%s"}}`},
	}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomConfig(r *rand.Rand) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Conventions = pick(r, []Conventions{ConventionsLegacy, ConventionsStable, ConventionsBoth})
	cfg.QueryText.Sanitize = pick(r, []Sanitize{SanitizeNever, SanitizeAuto, SanitizeAlways})
	cfg.QueryText.MaxLength = pick(r, []int{0, 0, 1, 7, 20, 40, 1000})
	cfg.SpanName = pick(r, []SpanName{SpanNameKeep, SpanNameSummary})
	cfg.APMAttributes = pick(r, [][]string{{}, {apmStatement}, {apmStatement, apmOracleSQLID}})
	cfg.Cache.MaxEntries = pick(r, []int{0, 10, 1000})
	return cfg
}

// randomSpan fills a CLIENT span with random attributes.
func randomSpan(r *rand.Rand, span ptrace.Span) {
	span.SetKind(ptrace.SpanKindClient)
	text := pick(r, someStatements)
	span.SetName(pick(r, []string{"SELECT", "query", text}))
	put := func(name string, values ...string) {
		if r.IntN(3) == 0 {
			span.Attributes().PutStr(name, pick(r, values))
		}
	}
	span.Attributes().PutStr("db.system", pick(r, someSystems))
	put("db.system.name", someSystems...)
	put("db.statement", text, pick(r, someStatements))
	put("db.query.text", text)
	put("DbStatement", text)
	put("Original SQL Text", text)
	put("Actual SQL Text", text)
	put("db.operation", "SELECT", "", "find")
	put("db.operation.name", "SELECT", "ExecuteQuery")
	put("db.name", "shop", "", "db1:1521/svc", "(DESCRIPTION=(ADDRESS=(HOST=db1)(PORT=1521))(CONNECT_DATA=(SID=x)))", "hotel,cn=OracleContext,dc=x")
	put("db.namespace", "shop", "3", "cn=hotel,cn=oraclecontext,dc=x")
	put("db.collection.name", "rooms", "$cmd")
	put("db.query.summary", "SELECT rooms", text)
	put("db.sql.table", "rooms")
	put("server.address", "db1", "", "hotel_high?tns_admin=")
	put("net.peer.name", "db2")
	put("db.connection_string", "jdbc:oracle:thin:@//db1:1521/svc", "postgresql://h:5432/d", "nonsense")
	put("SQL ID", "8vq9m5kx3n2wh")
	put("DbOracleSqlId", "8vq9m5kx3n2wh", "")
	put("app.copy", text, "say: "+text)
	put("http.method", "GET")
	if r.IntN(4) == 0 {
		span.Attributes().PutInt("server.port", 1521)
	}
	if r.IntN(6) == 0 {
		span.Attributes().PutInt("db.statement", 7) // an invalid type
	}
	if r.IntN(6) == 0 {
		span.Attributes().PutInt("db.operation.batch.size", int64(r.IntN(4)))
	}
	if r.IntN(6) == 0 {
		span.Attributes().PutInt("db.redis.num_cmd", 2)
	}
}

func randomTraces(r *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	if language := pick(r, []string{"", "java", "python"}); language != "" {
		resource.Resource().Attributes().PutStr("telemetry.sdk.language", language)
	}
	scoped := resource.ScopeSpans().AppendEmpty()
	scoped.Scope().SetName(pick(r, []string{"", "io.opentelemetry.jdbc", "opentelemetry.instrumentation.psycopg2"}))
	for range 3 {
		randomSpan(r, scoped.Spans().AppendEmpty())
	}
	return td
}

func spansOf(td ptrace.Traces) ptrace.SpanSlice {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
}

func marshal(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	data, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(data)
}

// A second processor must not change what the first has enriched.
func TestEnrichIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range rounds.Of(20_000) {
		cfg := randomConfig(r)
		td := randomTraces(r)
		once, err := newTestEnricher(t, cfg).processTraces(t.Context(), goldentest.Clone(td))
		require.NoError(t, err)
		twice, err := newTestEnricher(t, cfg).processTraces(t.Context(), goldentest.Clone(once))
		require.NoError(t, err)
		requireSameSpans(t, once, twice, func(j int) string {
			return fmt.Sprintf("round %d, %+v, from %q", i, *cfg, spansOf(td).At(j).Attributes().AsRaw())
		})
	}
}

// The order of the attributes must not matter, except for the order of the result.
func TestEnrichIsIndependentOfOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for i := range rounds.Of(10_000) {
		cfg := randomConfig(r)
		td := randomTraces(r)
		shuffled := goldentest.Clone(td)
		for _, span := range spansOf(shuffled).All() {
			shuffle(r, span.Attributes())
		}
		want, err := newTestEnricher(t, cfg).processTraces(t.Context(), goldentest.Clone(td))
		require.NoError(t, err)
		got, err := newTestEnricher(t, cfg).processTraces(t.Context(), shuffled)
		require.NoError(t, err)
		requireSameSpans(t, want, got, func(j int) string {
			return fmt.Sprintf("round %d, %+v, from %q", i, *cfg, spansOf(td).At(j).Attributes().AsRaw())
		})
	}
}

// The spans beside a span in its batch must not matter.
func TestEnrichIsIndependentOfSiblings(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for i := range rounds.Of(2_000) {
		cfg := randomConfig(r)
		td := randomTraces(r)
		for _, span := range goldentest.Clone(td).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			for range 2 { // with the same attributes but another statement
				sibling := spansOf(td).AppendEmpty()
				span.CopyTo(sibling)
				text := pick(r, someStatements)
				sibling.SetName(pick(r, []string{span.Name(), text}))
				sibling.Attributes().PutStr("db.statement", text)
			}
		}
		together, err := newTestEnricher(t, cfg).processTraces(t.Context(), goldentest.Clone(td))
		require.NoError(t, err)
		for j, span := range spansOf(td).All() {
			alone := goldentest.Clone(td)
			spansOf(alone).RemoveIf(func(ptrace.Span) bool { return true })
			span.CopyTo(spansOf(alone).AppendEmpty())
			_, err := newTestEnricher(t, cfg).processTraces(t.Context(), alone)
			require.NoError(t, err)
			want, got := spansOf(alone).At(0), spansOf(together).At(j)
			require.Equal(t, want.Name(), got.Name(), "round %d, %+v", i, *cfg)
			require.Equal(t, want.Attributes().AsRaw(), got.Attributes().AsRaw(), "round %d, %+v", i, *cfg)
		}
	}
}

// requireSameSpans compares names, and attributes in any order.
func requireSameSpans(t *testing.T, want, got ptrace.Traces, from func(int) string) {
	t.Helper()
	for j, span := range spansOf(want).All() {
		other := spansOf(got).At(j)
		if span.Name() != other.Name() || !span.Attributes().Equal(other.Attributes()) {
			require.Equal(t, span.Name(), other.Name(), from(j))
			require.Equal(t, span.Attributes().AsRaw(), other.Attributes().AsRaw(), from(j))
		}
	}
}

func shuffle(r *rand.Rand, attrs pcommon.Map) {
	var names []string
	for name := range attrs.All() {
		names = append(names, name)
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	out := pcommon.NewMap()
	for _, name := range names {
		value, _ := attrs.Get(name)
		value.CopyTo(out.PutEmpty(name))
	}
	out.MoveTo(attrs)
}

// If no text is changed, everything that the application sent must stay, and every
// database span must have what APM's rule reads.
func TestEnrichKeepsWhatWasSent(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range rounds.Of(10_000) {
		cfg := randomConfig(r)
		cfg.QueryText = QueryTextConfig{Sanitize: SanitizeNever}
		td := randomTraces(r)
		before := goldentest.Clone(td)
		after, err := newTestEnricher(t, cfg).processTraces(t.Context(), td)
		require.NoError(t, err)
		for j, span := range spansOf(before).All() {
			got := spansOf(after).At(j).Attributes()
			for name, value := range span.Attributes().All() {
				if value.Type() == pcommon.ValueTypeStr && value.Str() == "" {
					continue // the same as absent
				}
				kept, ok := got.Get(name)
				require.True(t, ok, name)
				require.Equal(t, value.AsRaw(), kept.AsRaw(), name)
			}
			if got.Len() == span.Attributes().Len() {
				continue
			}
			system, ok := got.Get("db.system")
			require.True(t, ok)
			require.NotEmpty(t, system.AsString())
		}
	}
}

// If statements are sanitized, no part of a literal may be left anywhere in a span.
func TestSanitizeLeavesNoCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for i := range rounds.Of(20_000) {
		cfg := randomConfig(r)
		cfg.QueryText.Sanitize = SanitizeAlways
		cfg.APMAttributes = []string{apmStatement, apmOracleSQLID}
		choice := pick(r, someSecrets)
		text := fmt.Sprintf(choice.text, secret)

		td := randomTraces(r)
		span := spansOf(td).At(0)
		span.Attributes().Clear()
		attrs := span.Attributes()
		attrs.PutStr("db.system", choice.system)
		for _, name := range []string{"db.statement", "db.query.text", "DbStatement", "Original SQL Text", "Actual SQL Text"} {
			if name == "db.statement" || r.IntN(3) == 0 {
				attrs.PutStr(name, text)
			}
		}
		copies := []func(){
			func() { span.SetName(text) },
			func() { span.SetName(text[:len(text)*2/3] + "...") },
			func() { span.Status().SetMessage("failed: " + text) },
			func() { attrs.PutStr("db.operation", text) },
			func() { attrs.PutStr("db.operation.name", text) },
			func() { attrs.PutStr("db.query.summary", text) },
			func() { attrs.PutStr("app.sql", text) },
			func() { attrs.PutEmptySlice("app.all").AppendEmpty().SetStr(text) },
			func() { attrs.PutEmptyMap("app.map").PutStr("sql", text) },
			func() { attrs.PutEmptyBytes("app.bytes").FromRaw([]byte(text)) },
			func() { span.Events().AppendEmpty().Attributes().PutStr("exception.message", "in "+text) },
			func() { span.Links().AppendEmpty().Attributes().PutStr("sql", text) },
		}
		for _, add := range copies {
			if r.IntN(3) == 0 {
				add()
			}
		}
		before := marshal(t, td)
		got, err := newTestEnricher(t, cfg).processTraces(t.Context(), td)
		require.NoError(t, err)
		for _, value := range attrs.All() {
			if value.Type() == pcommon.ValueTypeBytes {
				require.NotContains(t, string(value.Bytes().AsRaw()), secret)
			}
		}
		require.NotContains(t, marshal(t, got), secret, "round %d, %+v, from %s", i, cfg, before)
	}
}

// Spans that are not calls to a database must not change by a byte.
func TestOthersAreUntouched(t *testing.T) {
	file, err := os.Open(filepath.Join("testdata", "apache-httpd.jsonl"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	cfg := createDefaultConfig().(*Config)
	cfg.Conventions, cfg.SpanName, cfg.QueryText.Sanitize = ConventionsBoth, SpanNameSummary, SanitizeAlways
	e := newTestEnricher(t, cfg)
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	clients := 0
	for scanner.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(scanner.Bytes())
		require.NoError(t, err)
		for _, resource := range td.ResourceSpans().All() {
			for _, scoped := range resource.ScopeSpans().All() {
				for _, span := range scoped.Spans().All() {
					if span.Kind() == ptrace.SpanKindClient {
						clients++
					}
				}
			}
		}
		marshaler := &ptrace.ProtoMarshaler{}
		before, err := marshaler.MarshalTraces(td)
		require.NoError(t, err)
		td, err = e.processTraces(t.Context(), td)
		require.NoError(t, err)
		after, err := marshaler.MarshalTraces(td)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	require.NoError(t, scanner.Err())
	assert.Equal(t, 17, clients)
}

// Several goroutines may share a processor.
func TestEnrichIsConcurrent(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.QueryText.Sanitize = SanitizeAlways
	cfg.Cache.MaxEntries = 10
	e := newTestEnricher(t, cfg)
	for worker := range uint64(8) {
		t.Run(strconv.FormatUint(worker, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(worker, 5))
			for range 300 {
				td := randomTraces(r)
				want, err := newTestEnricher(t, cfg).processTraces(t.Context(), goldentest.Clone(td))
				require.NoError(t, err)
				got, err := e.processTraces(t.Context(), td)
				require.NoError(t, err)
				require.Equal(t, marshal(t, want), marshal(t, got))
			}
		})
	}
}
