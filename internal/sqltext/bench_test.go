// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"

	"github.com/DataDog/go-sqllexer"
)

// medium is a typical query of an application; it has 500 bytes.
const medium = `SELECT b.id, b.guest_name, b.check_in, b.check_out, r.room_number, r.room_type, h.name, h.city
  FROM bookings b
  JOIN rooms r ON r.id = b.room_id
  JOIN hotels h ON h.id = r.hotel_id
  LEFT JOIN payments p ON p.booking_id = b.id AND p.status <> 'REFUNDED'
 WHERE h.city = 'Lisbon' AND b.check_in >= DATE '2026-07-01' AND b.check_out < DATE '2026-07-15'
   AND r.room_type IN ('SINGLE', 'DOUBLE', 'SUITE') AND b.total_price BETWEEN 100.00 AND 2500.50
   AND b.guest_name LIKE 'O''Brien%'
 ORDER BY b.check_in, h.name FETCH FIRST 50 ROWS ONLY`

const (
	short = "SELECT id, name FROM users WHERE email = 'a@example.com'"
	binds = "INSERT INTO bookings (room_id, guest_id, check_in, check_out) VALUES (:1, :2, :3, :4)"
)

var texts = []struct{ name, text string }{
	{"short", short},
	{"binds", binds},
	{"500B", medium},
	{"1MB", strings.Repeat(medium+" UNION ALL ", 1<<20/(len(medium)+11))},
}

func BenchmarkAnalyzeAndSanitize(b *testing.B) {
	for _, t := range texts {
		b.Run(t.name, func(b *testing.B) {
			b.SetBytes(int64(len(t.text)))
			b.ReportAllocs()
			for b.Loop() {
				AnalyzeAndSanitize(t.text, Oracle)
			}
		})
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for _, t := range texts {
		b.Run(t.name, func(b *testing.B) {
			b.SetBytes(int64(len(t.text)))
			b.ReportAllocs()
			for b.Loop() {
				Analyze(t.text, Oracle)
			}
		})
	}
}

func BenchmarkSanitize(b *testing.B) {
	for _, t := range texts {
		b.Run(t.name, func(b *testing.B) {
			b.SetBytes(int64(len(t.text)))
			b.ReportAllocs()
			for b.Loop() {
				Sanitize(t.text, Oracle)
			}
		})
	}
}

// BenchmarkGoSQLLexer measures the lexer that contrib uses, for comparison.
func BenchmarkGoSQLLexer(b *testing.B) {
	obfuscator := sqllexer.NewObfuscator(sqllexer.WithReplaceDigits(false))
	normalizer := sqllexer.NewNormalizer(sqllexer.WithCollectCommands(true), sqllexer.WithCollectTables(true),
		sqllexer.WithCollectProcedures(true))
	for _, t := range texts {
		b.Run(t.name, func(b *testing.B) {
			b.SetBytes(int64(len(t.text)))
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := sqllexer.ObfuscateAndNormalize(t.text, obfuscator, normalizer, sqllexer.WithDBMS(sqllexer.DBMSOracle))
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOracleSQLID(b *testing.B) {
	b.SetBytes(int64(len(medium)))
	b.ReportAllocs()
	for b.Loop() {
		OracleSQLID(medium)
	}
}

// BenchmarkLength shows that the time per byte does not depend on the length of the text.
func BenchmarkLength(b *testing.B) {
	for _, t := range []struct {
		name string
		size int
	}{{"500B", 500}, {"5KB", 5_000}, {"50KB", 50_000}, {"500KB", 500_000}, {"1MB", 1_000_000}} {
		b.Run(t.name, func(b *testing.B) {
			text := strings.Repeat(medium+" UNION ALL ", t.size/len(medium)+1)[:t.size]
			b.ReportAllocs()
			for b.Loop() {
				AnalyzeAndSanitize(text, Oracle)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(t.size), "ns/byte")
		})
	}
}

// BenchmarkHostile reads 10 MB of text designed to be slow to read.
func BenchmarkHostile(b *testing.B) {
	const size = 10 << 20
	for _, t := range []struct{ name, text string }{
		{"statement", strings.Repeat(medium+" UNION ALL ", size/(len(medium)+11))},
		{"open parentheses", "SELECT " + strings.Repeat("(", size)},
		{"open brackets", "SELECT " + strings.Repeat("[", size)},
		{"open quote", "SELECT '" + strings.Repeat("a", size)},
		{"quotes", strings.Repeat("'", size-1)},
		{"quotes in escapes", strings.Repeat(`'\\'`, size/4)},
		{"open comment", "SELECT /*" + strings.Repeat("a", size)},
		{"comments in comments", strings.Repeat("/*", size/2)},
		{"open dollar quotes", strings.Repeat("$a$ $b$ ", size/8)},
		{"one list", "SELECT a FROM b WHERE c IN (" + strings.Repeat("1,", size/2) + "1)"},
		{"NULs", strings.Repeat("\x00", size)},
		{"invalid UTF-8", strings.Repeat("\xff\xc3", size/2)},
		{"right-to-left overrides", strings.Repeat("a\u202e", size/4)},
	} {
		for _, d := range []Dialect{Generic, Oracle, PostgreSQL, MySQL, SQLServer} {
			b.Run(t.name+"/"+d.String(), func(b *testing.B) {
				b.SetBytes(int64(len(t.text)))
				for b.Loop() {
					AnalyzeAndSanitize(t.text, d)
				}
			})
		}
	}
}
