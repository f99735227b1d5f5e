// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package benchmark

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// process returns a pipeline's output for the first batch of a mix.
func process(t *testing.T, name string, m *mix) ptrace.Span {
	t.Helper()
	sink := new(consumertest.TracesSink)
	require.NoError(t, newPipeline(t, name, sink).ConsumeTraces(t.Context(), m.batch(0)))
	spans := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, batchSpans, spans.Len())
	return spans.At(0)
}

// TestPipelines checks that the configurations do what the comparison claims: it lists
// every attribute that a pipeline adds or changes.
func TestPipelines(t *testing.T) {
	raw := fmt.Sprintf(statement, 0)
	sent := map[string]any{
		"db.name": "hotel", "db.user": "stayeasy", "net.peer.name": "db.example.test", "net.peer.port": int64(5432), "thread.id": int64(7),
	}
	stock := map[string]any{
		"db.namespace": "hotel", "server.address": "db.example.test", "server.port": int64(5432),
	}
	derived := map[string]any{
		"db.operation":     "SELECT",
		"db.query.summary": "SELECT bookings rooms hotels payments",
	}
	with := func(parts ...map[string]any) map[string]any {
		all := map[string]any{}
		for _, part := range parts {
			maps.Copy(all, part)
		}
		return all
	}
	tests := []struct {
		pipeline, system string
		masked           []string // the attributes whose literals must be masked
		want             map[string]any
	}{
		{"ociapm", "postgresql", nil, with(sent, derived, map[string]any{
			"db.system": "postgresql", "db.statement": raw, "DbStatement": raw, "peer.service": "postgresql:hotel",
		})},
		{"ociapm-masked", "postgresql", []string{"db.statement", "db.query.text", "DbStatement"}, with(sent, derived, stock, map[string]any{
			"db.system": "postgresql", "db.system.name": "postgresql", "db.operation.name": "SELECT", "peer.service": "postgresql:hotel",
		})},
		{"ociapm-masked", "oracle", []string{"db.statement", "db.query.text", "DbStatement"}, with(sent, derived, stock, map[string]any{
			"db.system": "oracle", "db.system.name": "oracle.db", "db.operation.name": "SELECT", "peer.service": "oracle:hotel",
			"DbOracleSqlId": oracleSQLID,
		})},
		{"stock", "postgresql", nil, with(sent, stock, map[string]any{
			"db.system": "postgresql", "db.system.name": "postgresql", "db.statement": raw, "db.query.text": raw, "peer.service": "postgresql:hotel",
		})},
		{"stock-masked", "postgresql", []string{"db.statement", "db.query.text"}, with(sent, stock, map[string]any{
			"db.system": "postgresql", "db.system.name": "postgresql", "peer.service": "postgresql:hotel",
		})},
		// The stock processors do not map values, and keep Oracle's literals.
		{"stock-masked", "oracle", nil, with(sent, stock, map[string]any{
			"db.system": "oracle", "db.system.name": "oracle", "db.statement": raw, "db.query.text": raw, "peer.service": "oracle:hotel",
		})},
	}
	for _, tt := range tests {
		t.Run(tt.pipeline+" "+tt.system, func(t *testing.T) {
			span := process(t, tt.pipeline, &mix{databases: batchSpans, system: tt.system})
			got := span.Attributes().AsRaw()
			for _, name := range tt.masked {
				text, ok := got[name].(string)
				assert.True(t, ok, name)
				assert.Contains(t, text, "bookings", name)
				for _, secret := range secrets() {
					assert.NotContains(t, text, secret, name)
				}
				delete(got, name)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// oracleSQLID is the SQL_ID of the statement: base 32 of the last half of the MD5 of the
// text and a NUL, with the bytes of each four reversed.
const oracleSQLID = "9qdajwahd7dx9"

// TestOtherSpansStay checks that no pipeline changes spans other than database calls.
func TestOtherSpansStay(t *testing.T) {
	m := mix{}
	want := m.batch(0).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	for _, name := range pipelines {
		t.Run(name, func(t *testing.T) {
			span := process(t, name, &m)
			assert.Equal(t, want, span.Attributes().AsRaw())
		})
	}
}

// TestMixes checks that the batches contain what their names promise.
func TestMixes(t *testing.T) {
	for i := range mixes {
		m := &mixes[i]
		t.Run(m.name, func(t *testing.T) {
			databases, statements := 0, map[string]bool{}
			for number := range 2 {
				for _, span := range m.batch(number).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
					if text, ok := span.Attributes().Get("db.statement"); ok {
						databases++
						statements[text.Str()] = true
						assert.Equal(t, 500, len(text.Str())) //nolint:testifylint // Len would print every text
					}
				}
			}
			assert.Equal(t, 2*m.databases, databases)
			want := min(m.statements, m.databases)
			if m.statements == 0 {
				want = 2 * m.databases
			}
			assert.Equal(t, want, len(statements)) //nolint:testifylint // Len would print every text
		})
	}
}
