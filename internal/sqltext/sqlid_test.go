// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"cmp"
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOracleSQLIDExact checks that every byte of the text matters.
func TestOracleSQLIDExact(t *testing.T) {
	id, hash := OracleSQLID("select * from dual")
	assert.Equal(t, "a5ks9fhw2v9s1", id)
	assert.Equal(t, uint32(942515969), hash)
	for _, text := range []string{
		"select * from dual ", " select * from dual", "select  * from dual", "SELECT * from dual",
		"select * from dual;", "select * from dual\x00", "select * from dual\n", "",
	} {
		other, otherHash := OracleSQLID(text)
		assert.NotEqual(t, id, other, "%q", text)
		assert.NotEqual(t, hash, otherHash, "%q", text)
		assert.Len(t, other, 13)
	}
	long, _ := OracleSQLID(strings.Repeat("x", 5000))
	assert.Len(t, long, 13)
}

func TestRewriteJDBCPlaceholders(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"none", "select 1 from dual", "select 1 from dual"},
		{"one", "SELECT * from dual where dummy = ?", "SELECT * from dual where dummy = :1 "},
		{"many", "insert into t values (?,?, ?)", "insert into t values (:1 ,:2 , :3 )"},
		{"ten", "in (?,?,?,?,?,?,?,?,?,?)", "in (:1 ,:2 ,:3 ,:4 ,:5 ,:6 ,:7 ,:8 ,:9 ,:10 )"},
		{"literal", "select '?' from t where a = ?", "select '?' from t where a = :1 "},
		{"q quote", "select q'[it's ?]' from t where a = ?", "select q'[it's ?]' from t where a = :1 "},
		{"identifier", `select "a?" from t where a = ?`, `select "a?" from t where a = :1 `},
		{"comments", "select /*+ ? */ a -- ?\nfrom t where a = ?", "select /*+ ? */ a -- ?\nfrom t where a = :1 "},
		{"own binds", "select :x from t", "select :x from t"},
		{"open literal", "select ? from t where a = '?", "select :1  from t where a = '?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := RewriteJDBCPlaceholders(tt.text, JDBCUntil21)
			assert.Equal(t, tt.want, got.Server)
			assert.Equal(t, tt.text != tt.want, got.Placeholders)
		})
	}
}

// The texts are what the unchanged drivers 19.23 and 23.9 made of the first one.
func TestJDBCDriversDiffer(t *testing.T) {
	tests := []struct{ name, text, until21, from23 string }{
		{"nothing after it", "UPDATE beds SET (a,b)=(?,?)", "UPDATE beds SET (a,b)=(:1 ,:2 )", ""},
		{"a blank", "a = ? AND b=?", "a = :1  AND b=:2 ", "a = :1 AND b=:2 "},
		{"blanks", "a = ?  AND b=?", "a = :1   AND b=:2 ", "a = :1 AND b=:2 "},
		{"lines", "a = ?\r\n\tAND b=?", "a = :1 \r\n\tAND b=:2 ", "a = :1 AND b=:2 "},
		{"wide blanks", "a = ?\u00a0\u3000AND b=?", "a = :1 \u00a0\u3000AND b=:2 ", "a = :1 AND b=:2 "},
		{"other control characters", "a = ?\f\v\x1cAND b=?", "a = :1 \f\v\x1cAND b=:2 ", ""},
		{"at the end", "a = ? ", "a = :1  ", "a = :1 "},
		{"a comment", "a = ? -- x ? \n AND b=?", "a = :1  -- x ? \n AND b=:2 ", "a = :1 -- x ? \n AND b=:2 "},
		{"a word", "a = ?AND b=?", "a = :1 AND b=:2 ", ""},
		{"own binds", "a = :1  AND b=:2", "a = :1  AND b=:2", ""},
		{"literals", "a = '? ' AND \"b? \"=?", "a = '? ' AND \"b? \"=:1 ", ""},
		{"blanks at the beginning", "  SELECT 1", "SELECT 1", "  SELECT 1"},
		{"lines at the beginning", " \n SELECT 1", "\n SELECT 1", " \n SELECT 1"},
		{"a line at the beginning", "\n\tSELECT 1  ", "\n\tSELECT 1  ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, recent := RewriteJDBCPlaceholders(tt.text, JDBCUntil21), RewriteJDBCPlaceholders(tt.text, JDBCFrom23)
			assert.Equal(t, tt.until21, old.Server)
			assert.Equal(t, cmp.Or(tt.from23, tt.until21), recent.Server)
			assert.Equal(t, tt.from23 != "", old.Differs)
			assert.Equal(t, old.Differs, recent.Differs)
		})
	}
}

func TestOracleSQLIDOfJDBC(t *testing.T) {
	rewritten := RewriteJDBCPlaceholders("SELECT * from dual where dummy = ?", JDBCUntil21)
	assert.True(t, rewritten.Placeholders)
	id, _ := OracleSQLID(rewritten.Server)
	assert.Equal(t, "71hmmykrsa7wp", id)
}

func TestRewriteJDBCPlaceholdersFindsWhatAnAgentDid(t *testing.T) {
	tests := []struct {
		name, text            string
		list, masked, comment bool
	}{
		{name: "nothing", text: "SELECT floor FROM wings WHERE id = ? AND name IN (?, ?)"},
		{name: "list of one", text: "SELECT floor FROM wings WHERE id IN (?)", list: true},
		{name: "list with blanks", text: "select floor from wings where id not in ( ? ) and a = ?", list: true},
		{name: "list without a blank", text: "DELETE FROM wings WHERE id IN(?)", list: true},
		{name: "list in a literal", text: "SELECT 'IN (?)' FROM wings"},
		{name: "a call", text: "SELECT f(?) FROM wings"},
		{name: "values", text: "INSERT INTO wings VALUES (?)"},
		{name: "sub-query", text: "SELECT 1 FROM wings WHERE id IN (SELECT ? FROM dual)"},
		{name: "date", text: "SELECT 1 FROM wings WHERE built > DATE ?", masked: true},
		{name: "timestamp", text: "SELECT 1 FROM wings WHERE built > timestamp ?", masked: true},
		{name: "interval", text: "SELECT 1 FROM wings WHERE built > SYSDATE - INTERVAL ? DAY", masked: true},
		{name: "national text", text: "SELECT 1 FROM wings WHERE name = N?", masked: true},
		{name: "a column called date", text: `SELECT 1 FROM wings WHERE "DATE" = ?`},
		{name: "comment to the end", text: "SELECT 1 FROM wings -- of a hotel WHERE id = ?", comment: true},
		{name: "comment on a line of its own", text: "-- wings\nSELECT 1 FROM wings"},
		{name: "dashes in a literal", text: "SELECT '--' FROM wings WHERE id = ?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := RewriteJDBCPlaceholders(tt.text, JDBCUntil21)
			assert.Equal(t, tt.list, got.OneItemList, "list")
			assert.Equal(t, tt.masked, got.MaskedLiteral, "masked literal")
			assert.Equal(t, tt.comment, got.OpenLineComment, "comment")
		})
	}
}

// TestOracleSQLIDUnderFIPS checks that the SQL_ID is still computed if only FIPS 140-3
// algorithms are allowed and MD5 would panic. The SQL_ID is only a name and protects
// nothing.
func TestOracleSQLIDUnderFIPS(t *testing.T) {
	const child = "SQLTEXT_TEST_FIPS"
	if os.Getenv(child) != "" {
		require.True(t, fips140.Enforced(), "the test is not under enforcement")
		id, hash := OracleSQLID("select * from dual")
		assert.Equal(t, "a5ks9fhw2v9s1", id)
		assert.Equal(t, uint32(942515969), hash)
		assert.True(t, fips140.Enforced(), "enforcement goes on for everything else")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOracleSQLIDUnderFIPS$", "-test.count=1") //nolint:gosec // this test's own program
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", child+"=1")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Contains(t, string(output), "PASS")
}
