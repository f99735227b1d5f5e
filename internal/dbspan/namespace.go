// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// databaseOf returns the database of a db.namespace, without the schema or the
// instance that some systems add. db.name never had those, and a database must
// not get two names because apps report it under two attributes. Source:
// semantic-conventions, docs/db/postgresql.md ({database}|{schema}),
// docs/db/sql-server.md ({instance}|{database}) and, up to 2025,
// docs/db/oracledb.md ({instance}|{database}|{service}); Trino's JDBC driver
// (catalog/schema).
func databaseOf(system System, namespace string) string {
	switch system.Legacy {
	case "postgresql":
		database, _, _ := strings.Cut(namespace, "|")
		return database
	case "mssql":
		return namespace[strings.LastIndexByte(namespace, '|')+1:]
	case "trino", "presto":
		if catalog, _, found := strings.Cut(namespace, "/"); found && isPath(namespace) {
			return catalog
		}
	case Oracle.Legacy:
		// The instance is one of several in a cluster. All of them are one database.
		if _, rest, found := strings.Cut(namespace, "|"); found {
			database, service, _ := strings.Cut(rest, "|")
			return cmp.Or(strings.TrimSpace(service), strings.TrimSpace(database))
		}
	}
	return namespace
}

// IgnoresCase reports whether upper and lower case are the same in the namespace.
// Source for Oracle: Database Net Services Reference, SERVICE_NAME and SID. The names of
// most other systems depend on settings of the server.
func (s *Span) IgnoresCase() bool { return s.System.Legacy == Oracle.Legacy }

// IsShared reports whether every server has this namespace, so that it does not identify
// a database: Redis's numbers, and MongoDB's admin, where every driver asks for the
// server's state.
func (s *Span) IsShared() bool {
	switch s.System.Language {
	case LanguageRedis:
		return isDigits(s.Namespace)
	case LanguageMongo:
		return s.Namespace == "admin"
	default:
		return false
	}
}
