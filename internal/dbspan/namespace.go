// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// databaseOf returns the database of a db.namespace, without the schema or the
// instance that some systems add. db.name never had those, and a database must
// not have two names only because apps report it in two ways. Source:
// semantic-conventions, docs/db/postgresql.md ({database}|{schema}),
// docs/db/sql-server.md ({instance}|{database}) and, up to 2025,
// docs/db/oracledb.md ({instance}|{database}|{service}).
func databaseOf(system System, namespace string) string {
	switch system.Legacy {
	case "postgresql":
		database, _, _ := strings.Cut(namespace, "|")
		return database
	case "mssql":
		return namespace[strings.LastIndexByte(namespace, '|')+1:]
	case Oracle.Legacy:
		// The instance is one of several in a cluster, which are one database.
		if _, rest, found := strings.Cut(namespace, "|"); found {
			database, service, _ := strings.Cut(rest, "|")
			return cmp.Or(strings.TrimSpace(service), strings.TrimSpace(database))
		}
	}
	return namespace
}

// IgnoresCase reports whether the namespace is the same in capital and in small letters.
// Source for Oracle: Database Net Services Reference, SERVICE_NAME and SID. The names of
// most other systems depend on settings of the server.
func (s *Span) IgnoresCase() bool { return s.System.Legacy == Oracle.Legacy }

// IsShared reports whether the namespace tells nothing about which database it is: the
// numbers of Redis, of which every server has the same, and MongoDB's admin, which
// every server has and every driver asks for the server's state.
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
