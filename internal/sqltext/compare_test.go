// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSanitizeComparisons reads "…" as a literal where a value is compared, and as a
// column elsewhere.
func TestSanitizeComparisons(t *testing.T) {
	for _, tt := range []struct {
		d                Dialect
		condition, after string
	}{
		{SQLite, `"a" MATCH "p" AND "b" NOT GLOB "q*" AND "c" REGEXP "r"`, `"a" MATCH ? AND "b" NOT GLOB ? AND "c" REGEXP ?`},
		{SQLite, `"a" IS "p" OR "b" IS NOT "q" OR "c" IS NOT DISTINCT FROM "r" OR "d" IS NULL`, `"a" IS ? OR "b" IS NOT ? OR "c" IS NOT DISTINCT FROM ? OR "d" IS NULL`},
		{SQLite, `"a" BETWEEN ? AND "p" AND "b" NOT BETWEEN f("c", 1 AND 2) /* AND */ AND "q" AND "d" = 1`, `"a" BETWEEN ? AND ? AND "b" NOT BETWEEN f("c", ? AND ?)  AND ? AND "d" = ?`},
		{SQLite, `CASE "a" WHEN "p" THEN 1 WHEN "q" THEN 2 END = CASE WHEN "b" THEN 1 WHEN "c" = 2 THEN 3 END`, `CASE "a" WHEN ? THEN ? WHEN ? THEN ? END = CASE WHEN "b" THEN ? WHEN "c" = ? THEN ? END`},
		{SQLite, `a = ("p") AND b <> (( "q" )) AND c LIKE ("r") AND ("d") > 1 AND e = (SELECT "f" FROM "g")`, `a = (?) AND b <> (( ? )) AND c LIKE (?) AND ("d") > ? AND e = (SELECT "f" FROM "g")`},
		{SQLServer, `"a" BETWEEN "p" AND "q" AND "b" = ("r") AND "c" = "d"."e"`, `"a" BETWEEN ? AND ? AND "b" = (?) AND "c" = "d"."e"`},
		{SQLServer, `match "a"`, `match "a"`},
		{Oracle, `a BETWEEN "b" AND "c" AND d = ("e")`, `a BETWEEN "b" AND "c" AND d = ("e")`},
	} {
		got := Sanitize("SELECT 1 FROM towels WHERE "+tt.condition, tt.d)
		want := "SELECT ? FROM towels WHERE " + tt.after
		assert.Equal(t, want, got)
		assert.Equal(t, want, Sanitize(got, tt.d), "twice")
	}
	assert.Equal(t, `CREATE TABLE towels ("a" TEXT DEFAULT ?)`, Sanitize(`CREATE TABLE towels ("a" TEXT DEFAULT "p")`, SQLite))
}
