// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// databaseOf returns the database of a db.namespace, without the schema or the
// instance that some systems add. db.name never had those, and a database must
// not have two names only because apps report it in two ways. Source:
// semantic-conventions, docs/db/postgresql.md ({database}|{schema}) and
// docs/db/sql-server.md ({instance}|{database}).
func databaseOf(system System, namespace string) string {
	switch system.Legacy {
	case "postgresql":
		database, _, _ := strings.Cut(namespace, "|")
		return database
	case "mssql":
		return namespace[strings.LastIndexByte(namespace, '|')+1:]
	}
	return namespace
}
