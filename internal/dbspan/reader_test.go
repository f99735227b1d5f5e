// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// readerValues are values for any attribute. Some change the system or the kind of call,
// and some have a type that the conventions do not allow.
var readerValues = []any{
	"oracle", "postgresql", "frobdb", "other_sql", "", "hotel", "db1:1521/svc", "jdbc:mysql://h:3306/d", "a|b", "SELECT 1", "ExecuteQuery", "$cmd",
	"ldaps", "5432", 5432, 1521, 443, 0, 3, true, 1.5, nil,
}

// randomSiblings returns the attributes of spans that are alike: they have nearly always
// the same names in the same order, and most have the same values.
func randomSiblings(t *testing.T, r *rand.Rand) []pcommon.Map {
	names := slices.Sorted(maps.Values(wireNames))
	names = append(names, "http.method", "rpc.system", "thread.id", "db.user", "db.x")
	usual := []string{"db.system", "db.system.name", "db.name", "db.statement", "server.address", "server.port"}
	var layout []string
	for range 1 + r.IntN(8) {
		from := names
		if r.IntN(2) == 0 {
			from = usual
		}
		layout = append(layout, from[r.IntN(len(from))])
	}
	if r.IntN(50) == 0 {
		for range maxLayout {
			layout = append(layout, "db.x")
		}
	}
	values := make([]any, len(layout))
	for i := range values {
		values[i] = readerValues[r.IntN(len(readerValues))]
	}
	var siblings []pcommon.Map
	for range 6 {
		switch r.IntN(4) {
		case 0:
			values[r.IntN(len(values))] = readerValues[r.IntN(len(readerValues))]
		case 1:
			layout[r.IntN(len(layout))] = names[r.IntN(len(names))]
		}
		attrs := pcommon.NewMap()
		for i, name := range layout {
			require.NoError(t, attrs.PutEmpty(name).FromRaw(values[i]))
		}
		siblings = append(siblings, attrs)
	}
	return siblings
}

// A Reader must find the same as Span.Read, whatever it has read before, in this batch and
// in those before.
func TestReader(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	scopes := []Scope{{}, LookupScope("io.opentelemetry.jdbc"), LookupScope("Npgsql")}
	alike := 0
	var readers Readers
	for round := range 5_000 {
		reader := readers.Get()
		scope := scopes[r.IntN(len(scopes))]
		last := map[int]Span{} // the last database span of each sample
		spans := slices.Concat(randomSiblings(t, r), randomSiblings(t, r))
		r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		for _, attrs := range spans {
			if r.IntN(8) == 0 {
				scope = scopes[r.IntN(len(scopes))]
			}
			var want Span
			kind := want.Read(attrs, scope)
			got, same := reader.Read(attrs, &scope)
			require.Equal(t, kind, got, "round %d: %v", round, attrs.AsRaw())
			if kind != KindDatabase {
				require.False(t, same)
				continue
			}
			require.Equal(t, want, *reader.Span, "round %d: %v", round, attrs.AsRaw())
			if before, ok := last[reader.Sample()]; ok && same {
				alike++
				require.Equal(t, before.System, reader.Span.System)
				require.Equal(t, before.Namespace, reader.Span.Namespace)
				require.Equal(t, before.ServerAddress, reader.Span.ServerAddress)
				require.Equal(t, before.ServerPort, reader.Span.ServerPort)
			}
			last[reader.Sample()] = want
		}
		readers.Put(reader)
	}
	assert.Greater(t, alike, 2_000, "the spans are too different to test anything")
}

// Spans of several databases in turn are compared with the last one of each.
func TestReaderSamples(t *testing.T) {
	var reader Reader
	names := []string{
		"oracle", "mysql", "postgresql", "mongodb", "redis", "mssql", "db2", "cassandra",
		"mariadb", "sqlite", "h2", "hsqldb", "derby", "clickhouse", "elasticsearch", "couchbase",
	}
	require.Len(t, names, Samples)
	for round := range 3 {
		for _, name := range names {
			attrs := pcommon.NewMap()
			attrs.PutStr("db.name", "shop")
			attrs.PutStr("db.system", name)
			attrs.PutStr("db.statement", "SELECT 1")
			kind, same := reader.Read(attrs, &Scope{})
			require.Equal(t, KindDatabase, kind)
			assert.Equal(t, round > 0, same, name)
			assert.Equal(t, name, reader.Span.System.Legacy)
		}
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	attrs := attributes(t, map[string]any{"db.system": "oracle", "db.name": "ORCL", "db.statement": "SELECT 1", "server.port": 1521})
	var readers Readers
	readers.Put(readers.Get())
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		reader := readers.Get()
		reader.Read(attrs, &Scope{})
		readers.Put(reader)
	}))
}

// A Reader that is not used must not keep statements, and nothing else that is long.
func TestReadersDropTexts(t *testing.T) {
	const long = 300
	for name, attrs := range map[string]map[string]any{
		"statements": {
			"db.system": "oracle", "db.statement": "SELECT secret", "db.query.text": "SELECT secret", "DbStatement": "SELECT secret",
			"OriginalSqlText": "SELECT secret", "ActualSqlText": "SELECT secret 2", "query": "SELECT secret",
		},
		"a long value":   {"db.system": "oracle", "db.name": strings.Repeat("secret", long)},
		"a long name":    {"db.system": "oracle", strings.Repeat("secret", long): "x"},
		"not a database": {"server.port": 4711, "server.address": "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			var readers Readers
			reader := readers.Get()
			reader.Read(attributes(t, attrs), &Scope{})
			readers.Put(reader)
			assert.NotContains(t, fmt.Sprintf("%+v", reader.samples), "secret")
		})
	}
}
