// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package secrettest plants a password in every place of a span that can hold a
// connection string.
package secrettest // import "github.com/ociapm/otelcol-ociapm/internal/testutil/secrettest"

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Secret is the password.
const Secret = "Zx9kQpwd" //nolint:gosec // of a test

// Systems are values of db.system and db.system.name, one of each language and of each
// syntax of connection strings.
var Systems = []string{
	"", "oracle", "oracle.db", "postgresql", "mysql", "mariadb", "mssql", "microsoft.sql_server", "sqlite", "h2", "db2", "clickhouse", "snowflake",
	"cassandra", "redis", "memcached", "mongodb", "elasticsearch", "neo4j", "other_sql", "frobdb",
}

// Attributes are the attributes that can hold a connection string.
var Attributes = []string{
	"server.address", "db.name", "db.namespace", "db.instance", "db.connection_string", "db.url", "db.user", "db.system", "net.peer.name", "network.peer.address",
	"net.sock.peer.addr", "net.peer.ip", "oracle.db.service", "oracle.db.pdb", "oracle.db.name", "Database Tenant", "url.full", "app.dsn",
}

// Texts are connection strings with the secret, whole and cut.
func Texts() []string {
	texts := []string{
		"host=pg1 user=app password=S dbname=spa port=5432", "user=app password='S' host=pg1", "password=S host=pg1 dbname=spa",
		"Server=sql1;Database=spa;User Id=app;Password=S", "Password=S;Server=tcp:sql1,1433", "Data Source=db1:1521/spa;User Id=app;Password=S;",
		"Driver={ODBC Driver 18 for SQL Server};Server=sql1;Uid=app;Pwd={S};Encrypt=yes",
		"app:S@tcp(my1:3306)/spa?parseTime=true", "app:S@(my1:3306)/spa", "app:S@unix(/run/my.sock)/spa", "app:S@/spa", "app:S@my1:3306/spa",
		"postgres://app:S@pg1:5432/spa?sslmode=disable", "postgresql+asyncpg://app:S@pg1/spa", "mongodb+srv://app:S@m1.example.com/spa",
		"mongodb://app:S@m1:27017,m2:27017/spa", "redis://:S@cache1:6379/0", "rediss://app:S@cache1", "cache1:6379,password=S,ssl=True",
		"clickhouse://app:S@ch1:9000/spa", "tcp://ch1:9000?username=app&password=S&database=spa", "http://app:S@ch1:8123/spa", "ch1?password=S",
		"db1.example.com?password=S", "jdbc:oracle:thin:app/S@//db1:1521/spa", "jdbc:oracle:thin:app/S@db1:1521:SPA", "oracle://app:S@db1:1521/spa",
		"app/S@db1:1521/spa", "app/S@spa_high", "app/S@db1", `user="app" password="S" connectString="db1:1521/spa"`,
		"jdbc:oracle:thin:app/S@(DESCRIPTION=(ADDRESS=(HOST=db1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=spa)))",
		"jdbc:postgresql://pg1/spa?user=app&password=S", "jdbc:sqlserver://sql1:1433;databaseName=spa;user=app;password={S}",
		"jdbc:mysql://my1/spa?user=app&password=S&useSSL=true", "jdbc:h2:tcp://h2/~/spa;USER=sa;PASSWORD=S", "jdbc:db2://d1:50000/SPA:user=app;password=S;",
		"mysql:host=my1;dbname=spa;user=app;password=S", "hdb://app:S@hana1:30015", "app:S@acct/spa/public?warehouse=w", "snowflake://app:S@acct/spa",
		"Contact Points=c1;Username=app;Password=S", "AccountEndpoint=https://x.documents.azure.com/;AccountKey=S;", "elastic:S@es1:9200",
		"https://elastic:S@es1:9200/rooms/_search", "bolt://neo4j:S@n1:7687", "Data Source=spa.db;Password=S", "file:spa.db?password=S",
		"projects/p/instances/i/databases/spa;password=S", "jdbc:sqlserver://sql1;user=app;password={S;x};databaseName=spa", "ecto://app:S@pg1/spa",
		"jdbc:teradata://td1/USER=app,PASSWORD=S", "firebolt://app:S@spa/engine1", "postgresql://app:S@/spa?host=/run/pg", "bigquery://p/spa?credentials_base64=S",
	}
	return planted(texts)
}

// Ambiguous reports whether a text was cut so that it is no more than a user and a
// password, which nothing but the place where it stands can show. A database in a file
// may have such a name.
func Ambiguous(system, attribute, text string) bool {
	if strings.ContainsAny(text, "=@") || strings.Contains(text, "//") || strings.HasPrefix(text, "jdbc:") {
		return false
	}
	switch attribute {
	case "span name", "event", "status", "url.full", "app.dsn", "db.system":
		return true
	}
	return system == "sqlite" || system == "h2"
}

// planted replaces the S that stands alone for the secret.
func planted(texts []string) []string {
	out := make([]string, 0, 2*len(texts))
	for _, text := range texts {
		at := -1
		for i := range len(text) {
			if text[i] == 'S' && !isWord(text, i-1) && !isWord(text, i+1) {
				at = i
			}
		}
		out = append(out, text[:at]+Secret+text[at+1:], text[:at]+Secret) // also as an attribute limit leaves it
	}
	return out
}

func isWord(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	c := text[i] | 0x20
	return c >= 'a' && c <= 'z'
}

// Span returns a call to a database with the text in an attribute. The name of the
// attribute may also be "span name", "event" or "status".
func Span(system, attribute, text string) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetKind(ptrace.SpanKindClient)
	span.SetName("query")
	attrs := span.Attributes()
	if system != "" {
		attrs.PutStr("db.system", system)
	}
	attrs.PutStr("db.statement", "SELECT name FROM rooms WHERE id = :1")
	switch attribute {
	case "span name":
		span.SetName(text)
	case "status":
		span.Status().SetMessage("cannot connect: " + text)
	case "event":
		event := span.Events().AppendEmpty()
		event.SetName("exception")
		event.Attributes().PutStr("exception.message", "cannot connect to "+text)
		event.Attributes().PutStr("exception.stacktrace", "Error: "+text+"\n\tat a.b(c.java:1)")
	default:
		attrs.PutStr(attribute, text)
	}
	return td
}
