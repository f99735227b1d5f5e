// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

// SystemOfPort returns the database that usually listens on a port. Ports that other
// servers use too are left out: 9200 and 8123 are HTTP, 50000 may be anything. Source:
// IANA's service names and port numbers, and the products' manuals.
func SystemOfPort(port int64) (System, bool) {
	switch port {
	case 1521, 1522, 2484: // 1522 is Autonomous Database's, 2484 TCPS
		return Oracle, true
	case 5432:
		return postgreSQL, true
	case 3306, 33060:
		return mySQL, true
	case 1433:
		return sqlServer, true
	case 6379:
		return redis, true
	case 11211:
		return memcached, true
	case 27017:
		return mongoDB, true
	case 9042:
		return cassandra, true
	case 26257:
		return cockroachDB, true
	default:
		return System{}, false
	}
}

var (
	postgreSQL  = known("postgresql")
	mySQL       = known("mysql")
	sqlServer   = known("mssql")
	redis       = known("redis")
	memcached   = known("memcached")
	mongoDB     = known("mongodb")
	cassandra   = known("cassandra")
	cockroachDB = known("cockroachdb")
)
