// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// Connection is what a connection string says about the database. Fields that it does
// not give are empty: host, port and database have no default.
type Connection struct {
	// System is the database product; zero if the string does not name one.
	System System
	// Host is the name of the host, or its address without brackets; the first one if
	// there are several.
	Host string
	// Port is the port of that host; 0 if the string does not give one.
	Port int64
	// Namespace is the database. For Oracle it is the service, the SID, or the
	// alias of both in the network configuration.
	Namespace string
}

// maxConnectionString is the maximum length of a connection string in bytes. It limits
// the time that parsing one can take.
const maxConnectionString = 8 << 10

// ParseConnection reads a JDBC URL, a database URL, an Oracle connect
// descriptor or Easy Connect string, a PostgreSQL or Go MySQL data source name,
// or an ODBC or ADO.NET connection string. hint is the system that the span
// names, for connection strings that do not name one; it may be zero.
//
// If the parts of a string cannot be separated with certainty, as in a URL with
// a "/" in its password, host and namespace are empty, so that no part of a
// password is taken for one of them.
func ParseConnection(text string, hint System) Connection {
	if len(text) > maxConnectionString {
		return Connection{}
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return Connection{}
	}
	c := parseConnection(text, hint)
	if c.Host == "" || !plausibleHost(c.Host) {
		c.Host, c.Port = "", 0
	}
	if !plausibleNamespace(c.Namespace) || strings.Contains(c.Namespace, "|") {
		c.Namespace = ""
	}
	return c
}

// parseConnection detects the syntax of a connection string and parses it.
func parseConnection(text string, hint System) Connection {
	if text[0] == '(' && !isGoMySQL(text) {
		return parseDescriptor(text)
	}
	if rest, ok := cutSentinel(text); ok {
		return parseSentinel(rest)
	}
	scheme, rest, ok := cutScheme(text)
	if ok {
		return parseURL(scheme, rest)
	}
	path := text
	if i := strings.IndexAny(text, "?;"); i >= 0 {
		path = text[:i]
	}
	switch {
	case isResourcePath(path) && !strings.Contains(text, "@"): // Spanner's driver for Go
		return Connection{System: hint, Namespace: path}
	case strings.Contains(text, ";") && strings.Contains(text, "="), isPairs(text):
		return parsePairs(text, hint)
	case isGoMySQL(text):
		return parseGoMySQL(text)
	case hint.Legacy == "clickhouse" && hasClickHouseScheme(text):
		_, rest, _ := strings.Cut(text, ":")
		return parseURL(hint, rest)
	case hasPrefixFold(text, "ecto://"): // Elixir's, of any system
		return parseURL(hint, text[len("ecto:"):])
	case hint.Language == LanguageRedis && hasPrefixFold(text, "unix://"):
		return parseURL(hint, text[len("unix:"):])
	case speaksHTTP(hint) && hasHTTPScheme(text):
		_, rest, _ := strings.Cut(text, "//")
		c := parseHostPath(rest, hint)
		c.System, c.Namespace = hint, "" // the path is that of a call, or of a proxy
		return c
	case hint.Legacy == Oracle.Legacy && hasOracleScheme(text):
		return parseOracle(text) // Easy Connect with its protocol, or an entry of a directory
	case hint.Legacy == Oracle.Legacy && hasOracleAddress(text):
		return parseOracle(afterOracleCredentials(text))
	case strings.Contains(text, "://"), onlyCredentials(text), endsAsScheme(text):
		return Connection{} // no database, or only credentials or a scheme
	case hint.Legacy == Oracle.Legacy:
		return parseOracle(afterOracleCredentials(text))
	case isPlain(text) && !strings.Contains(text, "."):
		return Connection{} // the name of a pool or of a data source
	default:
		return parseHostPath(text, hint)
	}
}

// endsAsScheme reports whether text ends with the ":" of a scheme, as "p6spy:" does. An
// IPv6 address that ends with ":" has more than one.
func endsAsScheme(text string) bool {
	return strings.HasSuffix(text, ":") && strings.IndexByte(text, ':') == len(text)-1
}

// hasOracleScheme reports whether a URL has a scheme of Oracle's connect identifiers.
func hasOracleScheme(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && isOracleScheme(scheme)
}

// hasClickHouseScheme reports whether a URL has one of the schemes that ClickHouse's
// drivers accept.
func hasClickHouseScheme(text string) bool {
	return hasPrefixFold(text, "tcp://") || hasHTTPScheme(text) || hasPrefixFold(text, "native://")
}

func hasHTTPScheme(text string) bool {
	return hasPrefixFold(text, "http://") || hasPrefixFold(text, "https://")
}

// speaksHTTP reports whether the connection strings of a system are URLs of HTTP.
func speaksHTTP(system System) bool {
	switch system.Legacy {
	case "elasticsearch", "opensearch", "cosmosdb", "couchdb", "influxdb":
		return true
	default:
		return false
	}
}

// cutScheme cuts a URL such as "jdbc:oracle:thin:@…" or "postgresql://…" after the
// scheme that names a system. It returns that system and the rest.
func cutScheme(text string) (System, string, bool) {
	for range maxWrappers {
		scheme, rest, ok := strings.Cut(text, ":")
		if !ok || scheme == "" || strings.ContainsAny(scheme, " =;@/(") {
			return System{}, "", false
		}
		if number, _, _ := strings.Cut(rest, "/"); atoiPort(number) != 0 {
			return System{}, "", false // a host that has the name of its database
		}
		// SQLAlchemy's dialect+driver; the table knows the common pairs.
		system, found := LookupSystem(scheme)
		if !found {
			if dialect, _, plus := strings.Cut(scheme, "+"); plus {
				system, found = LookupSystem(dialect)
			}
		}
		if found {
			return system, rest, true
		}
		if !wrapsURL(scheme) && !wrapsProduct(scheme, rest) {
			return System{}, "", false
		}
		text = rest
	}
	return System{}, "", false
}

// wrapsURL reports whether a scheme comes before another one.
func wrapsURL(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "jdbc", "jdbc-secretsmanager", "r2dbc", "r2dbcs", "odbc", "pool", "proxy",
		"p6spy", "otel", "tracing", "log4jdbc", "tc", "aws-wrapper", "datadirect", "weblogic":
		return true
	default:
		return false
	}
}

// wrapsProduct reports whether a scheme is a vendor's name before the one of the product.
func wrapsProduct(scheme, rest string) bool {
	return strings.EqualFold(scheme, "microsoft") && hasPrefixFold(rest, "sqlserver:") ||
		strings.EqualFold(scheme, "pivotal") && hasPrefixFold(rest, "greenplum:")
}

// maxWrappers is the maximum number of schemes in a row. No real URL has as many.
const maxWrappers = 4

// isGoMySQL reports whether text has the address of a Go MySQL data source name, as in
// user:password@tcp(host:port)/database. The network may be left out.
func isGoMySQL(text string) bool {
	open := strings.LastIndexByte(text, '(')
	if open < 0 {
		return false
	}
	head := text[:open]
	if head == "" || strings.HasSuffix(head, "@") {
		address, _, found := strings.Cut(text[open:], ")/")
		return found && !strings.ContainsAny(address, "=,") // of Oracle's and MySQL's descriptors
	}
	for _, network := range [...]string{"tcp", "tcp4", "tcp6", "unix", "cloudsql"} {
		if rest, ok := strings.CutSuffix(head, network); ok && (rest == "" || strings.HasSuffix(rest, "@")) {
			return true
		}
	}
	return false
}

// parseGoMySQL reads user:password@tcp(host:port)/database?params.
func parseGoMySQL(text string) Connection {
	c := Connection{System: known("mysql")}
	_, address, _ := strings.Cut(text[strings.LastIndexByte(text, '('):], "(")
	address, path, ok := strings.Cut(address, ")")
	if !ok {
		return c
	}
	if strings.HasPrefix(address, "/") {
		c.Host = address
	} else {
		c.Host, c.Port, _ = splitHostPort(address)
	}
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "/"), "?")
	c.Namespace = pathName(path, c.System)
	return c
}
