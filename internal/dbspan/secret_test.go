// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMaskSecrets(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"libpq", "host=pg1 user=app password=Zx9secret dbname=spa", "host=pg1 user=app password=? dbname=spa"},
		{"libpq, in quotes", "host=pg1 password='Zx9 sec\\'ret' dbname=spa", "host=pg1 password='?' dbname=spa"},
		{"ado.net", "Server=sql1;User Id=app;Password=Zx9secret;Encrypt=True", "Server=sql1;User Id=app;Password=?;Encrypt=True"},
		{"ado.net, with blanks", "Data Source=sql1; pwd = Zx9 secret ; User Id = app", "Data Source=sql1; pwd = ? ; User Id = app"},
		{"odbc, in braces", "Driver={X};Pwd={Zx9;secret};Server=sql1", "Driver={X};Pwd={?};Server=sql1"},
		{"url", "postgresql://app:Zx9secret@pg1:5432/spa", "postgresql://app:?@pg1:5432/spa"},
		{"url without a user", "redis://:Zx9secret@cache1:6379/0", "redis://:?@cache1:6379/0"},
		{"url with marks in the password", "mysql://app:Zx9/sec@ret@my1/spa", "mysql://app:?@my1/spa"},
		{"url that was cut", "postgresql://app:Zx9secr", "postgresql://app:?"},
		{"parameters of a url", "jdbc:postgresql://pg1/spa?user=app&password=Zx9secret&ssl=true", "jdbc:postgresql://pg1/spa?user=app&password=?&ssl=true"},
		{"jdbc url of oracle", "jdbc:oracle:thin:app/Zx9secret@//db1:1521/spa", "jdbc:oracle:thin:app/?@//db1:1521/spa"},
		{"easy connect", "app/Zx9secret@db1/spa", "app/?@db1/spa"},
		{"password of oracle in quotes", `jdbc:oracle:thin:app/"Zx9@sec/ret"@db1:1521/spa`, `jdbc:oracle:thin:app/"?"@db1:1521/spa`},
		{"go mysql", "app:Zx9secret@tcp(my1:3306)/spa", "app:?@tcp(my1:3306)/spa"},
		{"godror", `user="app" password="Zx9secret" connectString="db1/spa"`, `user="app" password="?" connectString="db1/spa"`},
		{"stackexchange", "cache1:6379,password=Zx9secret,ssl=True", "cache1:6379,password=?,ssl=True"},
		{"json", `{"user":"app","password":"Zx9secret"}`, `{"user":"app","password":"?"}`},
		{"prose", "cannot connect to postgres://app:Zx9secret@pg1/spa: timeout", "cannot connect to postgres://app:?@pg1/spa: timeout"},
		{"two", "mysql://a:Zx9@h mysql://b:Zx8@h", "mysql://a:?@h mysql://b:?@h"},
		{"signature", "Endpoint=sb://x/;SharedAccessSignature=Zx9sig;Database=spa", "Endpoint=sb://x/;SharedAccessSignature=?;Database=spa"},
		{"signature of a url", "wasbs://c@spa.example.com/x?sv=1&sig=Zx9%2F&se=2", "wasbs://c@spa.example.com/x?sv=1&sig=?&se=2"},
		{"token in json", `{"host":"pg1","accessToken":"Zx9secret"}`, `{"host":"pg1","accessToken":"?"}`},
		{"key of a service account", "bigquery://p/spa?credentials_base64=Zx9secret&location=eu", "bigquery://p/spa?credentials_base64=?&location=eu"},
		{"value with a blank at the end", "host=pg1 password=Zx9 secret", "host=pg1 password=?"},
		{"token in prose", "unexpected token: Zx9", "unexpected token: Zx9"},
		{"azure", "AccountEndpoint=https://x/;AccountKey=Zx9secret==;", "AccountEndpoint=https://x/;AccountKey=?;"},
		{"placeholder", "UPDATE staff SET password = ? WHERE id = :1", ""},
		{"named placeholder", "UPDATE staff SET password = :pw, name = :n", ""},
		{"host and port", "postgresql://pg1:5432/spa", ""},
		{"hosts", "mongodb://m1:27017,m2:27017/spa", ""},
		{"agent's url", "oracle:thin://db1.example.com:1521", ""},
		{"url without credentials", "jdbc:oracle:thin:@//db1:1521/spa", ""},
		{"address of mail", "failed for guest@example.com", ""},
		{"stack trace", "at Query.run (/srv/node_modules/.pnpm/pg@8.1.0/node_modules/@scope/pg/client.js:5:1)", ""},
		{"java object", "oracle.jdbc.driver.T4CConnection@1f2e3d", ""},
		{"masked", "postgresql://app:?@pg1/spa", ""},
		{"masked pair", "host=pg1 password=?", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.text
			}
			got, found := MaskSecrets(tt.text)
			assert.Equal(t, want, got)
			assert.Equal(t, want != tt.text, found)
			assert.Equal(t, found, HoldsSecret(tt.text))
			again, _ := MaskSecrets(got)
			assert.Equal(t, got, again, "twice")
		})
	}
}

func TestMaskName(t *testing.T) {
	tests := []struct{ name, system, text, want string }{
		{"name", "postgresql", "spa", "spa"},
		{"user and password", "oracle", "app/Zx9secret", "?"},
		{"user and password of a url", "oracle", "jdbc:oracle:thin:app/Zx9secret", "jdbc:oracle:thin:app/?"},
		{"user:password", "mysql", "app:Zx9secret", "?"},
		{"scheme", "other_sql", "p6spy:", "p6spy:"},
		{"scheme of a driver", "oracle", "oci:", "oci:"},
		{"host and port", "postgresql", "pg1:5432", "pg1:5432"},
		{"file", "sqlite", "/srv/spa.db", "/srv/spa.db"},
		{"misread by the Java agent", "oracle", "1522/spa", "1522/spa"},
		{"connection string", "postgresql", "postgresql://app:Zx9secret@pg1/spa", "postgresql://app:?@pg1/spa"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			system, _ := LookupSystem(tt.system)
			assert.Equal(t, tt.want, MaskName(tt.text, system))
			assert.Equal(t, tt.want, MaskName(tt.want, system), "twice")
		})
	}
	assert.Equal(t, "app/?", MaskUser("app/Zx9secret"))
	assert.Equal(t, `CORP\app`, MaskUser(`CORP\app`))
}

func FuzzMaskSecrets(f *testing.F) {
	for _, seed := range []string{
		"host=a password='b", "a:b@c", "x://y:z@w/?password=q&r=s", "jdbc:oracle:thin:a/b@c", `{"pwd":"x\"y"}`, "pass=;", "://@", "token==", "user=a pw={b}}c}",
		"a/b:c@d@e", "password=:1", "k:\\\"pwd\\\":\\\"v\\\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked, found := MaskSecrets(text)
		if found == (masked == text) && !strings.Contains(text, "?") {
			t.Errorf("found %v in %q, which became %q", found, text, masked)
		}
		for _, system := range []System{{}, Oracle, postgreSQL, known("sqlite")} {
			MaskName(text, system)
		}
		MaskUser(text)
	})
}
