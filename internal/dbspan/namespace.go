// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// databaseOf returns the database in a db.namespace, without what some systems
// put beside it: db.name never had it, and one database must not get a second
// name from the way in which an app reports it. Source: semantic-conventions,
// docs/db/postgresql.md ({database}|{schema}) and docs/db/sql-server.md
// ({instance}|{database}).
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
