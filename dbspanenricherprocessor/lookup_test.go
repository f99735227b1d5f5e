// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// valuesOf are statements with values, at %s and %d.
var valuesOf = []string{
	"SELECT name FROM hotels WHERE city = '%s' AND id = %d",
	"SELECT name FROM hotels WHERE city = '%s' AND id = :1 AND n = %d",
	"/* route='%s' */ UPDATE rooms SET price = %d WHERE id = ?",
	"INSERT INTO bookings (guest, nights) VALUES (N'%s', %d)",
	"BEGIN book('%s', %d); END;",
	"CREATE TABLE t (a VARCHAR2(10) DEFAULT '%s', b NUMBER DEFAULT %d)",
	"SELECT '%s...' FROM dual WHERE a IN (%d)",
	"SELECT * FROM '%s' LIMIT %d",
	"CALL p('%s', %d)",
	"nothing '%s' known %d",
	"ALTER USER scott IDENTIFIED BY '%s' ACCOUNT UNLOCK %d",
	"SELECT 1 FROM a WHERE b = '%s' -- %d",
}

// A statement gets the same analysis whether the cache has one of its shape or nothing.
func TestShapedStatements(t *testing.T) {
	for _, sanitize := range []Sanitize{SanitizeNever, SanitizeAuto, SanitizeAlways} {
		for _, dialect := range []sqltext.Dialect{sqltext.Generic, sqltext.Oracle, sqltext.PostgreSQL, sqltext.MySQL, sqltext.SQLServer, sqltext.SQLite} {
			for _, maxLength := range []int{0, 40} {
				t.Run(fmt.Sprintf("%s/%s/%d", sanitize, dialect, maxLength), func(t *testing.T) {
					cfg := createDefaultConfig().(*Config)
					cfg.QueryText.Sanitize, cfg.QueryText.MaxLength = sanitize, maxLength
					e := newTestEnricher(t, cfg)
					g := grammar{language: dbspan.LanguageSQL, dialect: dialect}
					for _, format := range valuesOf {
						for i, value := range []string{"Lisbon", "O''Brien", "", "x?", "Lisbon"} {
							text := fmt.Sprintf(format, value, 10+i%4*100)
							want, got := e.analyzer.analyze(g, text), e.statement(g, text, &counts{})
							got = &statement{
								sanitized: got.sanitized, operation: got.operation, collection: got.collection, procedure: got.procedure,
								summary: got.summary, pipeline: got.pipeline, unparsed: got.unparsed, sqlIDs: got.sqlIDs,
							}
							want.shaped, want.keepsText, want.identified, want.definition = false, false, false, false
							assert.Equal(t, want, got, text)
						}
					}
				})
			}
		}
	}
}

// Statements that differ only in their values are analyzed once. One that appears again is
// found as it is.
func TestValuesNeedNoAnalysis(t *testing.T) {
	e := newTestEnricher(t, createDefaultConfig().(*Config))
	g := grammar{language: dbspan.LanguageSQL, dialect: sqltext.Oracle}
	var n counts
	text := func(i int) string { return fmt.Sprintf("SELECT name FROM hotels WHERE id = %d", i) }
	for i := range 1000 {
		assert.Equal(t, text(i), e.statement(g, text(i), &n).sanitized)
	}
	assert.Equal(t, counts{misses: 1, hits: 999}, n)
	_, found := e.cache.get(cacheKey{grammar: g, text: text(7)})
	assert.False(t, found)

	e.statement(g, text(7), &n) // another statement may have overwritten the mark of its first appearance
	first := e.statement(g, text(7), &n)
	again, found := e.cache.get(cacheKey{grammar: g, text: text(7)})
	require.True(t, found)
	assert.Same(t, first, again)
	assert.NotEmpty(t, first.sqlIDs.direct)
	assert.NotEqual(t, e.statement(g, text(8), &n).sqlIDs.direct, first.sqlIDs.direct)
}
