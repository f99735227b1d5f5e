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
			return cmp.Or(service, database)
		}
	}
	return namespace
}

// IgnoresCase reports whether names of the system's databases are the same in capital
// and in small letters. Source for Oracle: Database Net Services Reference,
// SERVICE_NAME and SID. The names of most other systems depend on settings of the
// server.
func (s System) IgnoresCase() bool { return s.Legacy == Oracle.Legacy }

// Shared reports whether a namespace tells nothing about which database it is: the
// numbers of Redis, of which every server has the same, and MongoDB's admin, which
// every server has and every driver asks for the server's state.
func (s System) Shared(namespace string) bool {
	switch s.Language {
	case LanguageRedis:
		for i := range len(namespace) {
			if namespace[i] < '0' || namespace[i] > '9' {
				return false
			}
		}
		return true
	case LanguageMongo:
		return namespace == "admin"
	default:
		return false
	}
}
