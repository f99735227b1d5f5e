// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"maps"
	"math/rand/v2"
	"slices"
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

// A Reader must find the same as Span.Read, whatever it has read before.
func TestReader(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	scopes := []Scope{{}, LookupScope("io.opentelemetry.jdbc"), LookupScope("Npgsql")}
	alike := 0
	for round := range 10_000 {
		reader := NewReader()
		scope := scopes[r.IntN(len(scopes))]
		var last Span // the last database span
		for _, attrs := range randomSiblings(t, r) {
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
			require.Equal(t, want, reader.Span, "round %d: %v", round, attrs.AsRaw())
			if same {
				alike++
				require.Equal(t, last.System, reader.Span.System)
				require.Equal(t, last.Namespace, reader.Span.Namespace)
				require.Equal(t, last.ServerAddress, reader.Span.ServerAddress)
				require.Equal(t, last.ServerPort, reader.Span.ServerPort)
			}
			last = want
		}
		reader.Release()
	}
	assert.Greater(t, alike, 2_000, "the spans are too different to test anything")
}

func TestReaderAllocatesNothing(t *testing.T) {
	attrs := attributes(t, map[string]any{"db.system": "oracle", "db.name": "ORCL", "db.statement": "SELECT 1", "server.port": 1521})
	reader := NewReader()
	defer reader.Release()
	assert.Zero(t, testing.AllocsPerRun(100, func() { reader.Read(attrs, &Scope{}) }))
}

// A released Reader must not keep the texts of its last span.
func TestReaderRelease(t *testing.T) {
	reader := NewReader()
	reader.Read(attributes(t, map[string]any{"db.system": "oracle", "db.statement": "SELECT 1"}), &Scope{})
	reader.Release()
	assert.Equal(t, Reader{}, *reader)
}
