// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strings"
	"unicode"
)

// isPairs reports whether text has a key=value pair of a connection string. libpq and
// godror separate the pairs with spaces.
func isPairs(text string) bool {
	for {
		before, after, found := strings.Cut(text, "=")
		if !found {
			return false
		}
		key := before[strings.LastIndexAny(before, ";\r\n")+1:]
		if pairKeys[normalKey(key)] != pairIgnored { // the key may have two words, as in User Id
			return true
		}
		if i := strings.LastIndexByte(key, ' '); i >= 0 && pairKeys[normalKey(key[i:])] != pairIgnored {
			return true
		}
		text = after
	}
}

// keyBytes has the characters that may come before the last word of a key.
const keyBytes = " \t\r\nabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

// pairKind is the meaning of a key in a connection string.
type pairKind uint8

const (
	pairIgnored pairKind = iota
	pairHost
	pairPort
	pairDatabase
	pairService
	pairConnect
	pairDriver
	pairPostgres
	pairSQLServer
	pairOther
)

// pairKeys has the keys of ODBC, OLE DB, ADO.NET and libpq that matter, in the
// spelling of normalKey.
var pairKeys = map[string]pairKind{
	"server": pairHost, "servername": pairHost, "host": pairHost, "hostname": pairHost, "hostaddr": pairHost, "datasource": pairHost,
	"address": pairHost, "addr": pairHost, "networkaddress": pairHost, "dbq": pairHost, "dsn": pairHost,
	"port": pairPort, "portnumber": pairPort,
	"database": pairDatabase, "databasename": pairDatabase, "dbname": pairDatabase, "db": pairDatabase,
	"initialcatalog": pairDatabase, "servicename": pairService, "sid": pairService, "connectstring": pairConnect,
	"servernode": pairHost, "contactpoints": pairHost, "hosts": pairHost, "unixsocket": pairHost, "accountendpoint": pairHost,
	"keyspace": pairDatabase, "defaultkeyspace": pairDatabase,
	"driver": pairDriver, "provider": pairDriver,
	"sslmode": pairPostgres, "searchpath": pairPostgres,
	"integratedsecurity": pairSQLServer, "trustservercertificate": pairSQLServer, "multipleactiveresultsets": pairSQLServer,
	"user": pairOther, "userid": pairOther, "uid": pairOther, "username": pairOther, "password": pairOther, "pwd": pairOther,
}

// normalKey returns the key in lower case, without white space, "_" and "-".
func normalKey(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '_', '-', '\t', '\r', '\n':
			return -1
		default:
			return unicode.ToLower(r)
		}
	}, key)
}

// parsePairs reads Server=…;Database=…; or host=… dbname=….
func parsePairs(text string, hint System) Connection {
	c := Connection{System: hint}
	text, _ = cutPrefixFold(text, "odbc:") // SQL Server's driver for Go, PHP's PDO
	separator := pairSeparator(text)
	var host, guess string
	for text != "" {
		var key, value string
		before := text
		key, value, text = nextPair(text, separator)
		kind := pairKeys[normalKey(key)]
		if value == "" {
			if bare := before[:len(before)-len(text)]; key == "" && strings.Contains(bare, "@") {
				return Connection{System: hint} // the end of a password that looks like pairs
			}
			continue
		}
		switch kind {
		case pairHost:
			if host == "" {
				host = value
			}
		case pairPort:
			first, _, _ := strings.Cut(value, ",") // libpq's, of the first host
			c.Port = atoiPort(first)
		case pairDatabase:
			c.Namespace = value
			if normalKey(key) == "initialcatalog" {
				guess = "mssql"
			} else if separator == ' ' && !strings.Contains(value, ",") { // Teradata's separator
				guess = "postgresql"
			}
		case pairService:
			c.Namespace = value
			guess = Oracle.Legacy
		case pairConnect: // godror's
			host, guess = value, Oracle.Legacy
		case pairDriver:
			if s, ok := driverSystem(value); ok {
				c.System = s
			}
		case pairPostgres:
			guess = "postgresql"
		case pairSQLServer:
			guess = "mssql"
		case pairIgnored, pairOther:
		}
	}
	if c.System.IsZero() || vague(c.System.Legacy) {
		if system := known(guess); !system.IsZero() {
			c.System = system
		}
	}
	placeHost(&c, host)
	return c
}

// pairSeparator returns the character between the pairs: ";" or, for libpq and godror, a
// blank. A value of theirs in quotes may have a ";".
func pairSeparator(text string) byte {
	first, _, found := strings.Cut(text, ";")
	if !found || strings.Count(first, "=") > 1 && strings.Count(first, "'")%2 == 1 {
		return ' '
	}
	return ';'
}

// placeHost reads the value of the host's key into c. The value may also contain a port,
// a service, a descriptor or a file.
func placeHost(c *Connection, host string) {
	switch {
	case host == "":
		return
	case strings.HasPrefix(host, "(") && strings.Contains(host, "="):
		d := parseDescriptor(host)
		c.Host, c.Port, c.Namespace, c.System = d.Host, d.Port, d.Namespace, d.System
		return
	case c.System.Legacy == "sqlite":
		c.Namespace = embeddedName(host)
		return
	case strings.Contains(host, "@") && c.System.Legacy != Oracle.Legacy: // no host contains one
		return
	case c.System.Legacy == Oracle.Legacy, c.System.IsZero() && !hasPrefixFold(host, "https://") && strings.Contains(host, "/") && !strings.HasPrefix(host, "/"):
		if c.Namespace != "" { // the service has its own key
			break
		}
		o := parseOracle(afterOracleCredentials(host))
		c.Host, c.Namespace, c.System = o.Host, o.Namespace, Oracle
		if o.Port != 0 {
			c.Port = o.Port
		}
		return
	}
	placeServer(c, host)
}

// placeServer reads host, host:port, SQL Server's tcp:host\instance,1433, a list of
// hosts or a socket into c.
func placeServer(c *Connection, host string) {
	for _, protocol := range []string{"tcp:", "np:", "lpc:", "admin:"} {
		if rest, ok := cutPrefixFold(host, protocol); ok {
			host = rest
			break
		}
	}
	if rest, ok := cutPrefixFold(host, "https://"); ok { // Cosmos DB
		host = strings.TrimSuffix(rest, "/")
	}
	if before, after, ok := strings.Cut(host, ","); ok {
		host = before
		if port := atoiPort(strings.TrimSpace(after)); port != 0 {
			c.Port = port
		}
	}
	host, _, _ = strings.Cut(host, `\`)
	if strings.HasPrefix(host, "/") { // a socket, for PostgreSQL possibly with a port
		if folder, port, found := strings.Cut(host, ":"); found && atoiPort(port) != 0 {
			host, c.Port = folder, atoiPort(port)
		}
		c.Host = host
		return
	}
	name, port, ok := splitHostPort(host)
	if !ok {
		return
	}
	c.Host = name
	if port != 0 {
		c.Port = port
	}
}

// nextPair cuts the first key=value from text. In a value in quotes or braces the
// separator is an ordinary character.
func nextPair(text string, separator byte) (key, value, rest string) {
	text = strings.TrimLeft(text, "; \t\r\n")
	end := strings.IndexAny(text, "=;")
	if end < 0 {
		return "", "", ""
	}
	if text[end] == ';' {
		return "", "", text[end+1:]
	}
	key, text = text[:end], strings.TrimLeft(text[end+1:], " ")
	if text == "" {
		return key, "", ""
	}
	if closing, ok := closers[text[0]]; ok {
		for i := 1; i < len(text); i++ {
			switch {
			case text[i] == '\\' && closing == '\'' && i+1 < len(text):
				i++
			case text[i] != closing:
			case i+1 < len(text) && text[i+1] == closing:
				i++ // doubled: belongs to the value
			default:
				return key, text[1:i], text[i+1:]
			}
		}
		return key, "", "" // never closed: it may contain anything, even a password
	}
	if text[0] == '(' { // a connect descriptor
		if i := strings.IndexByte(text, ';'); i >= 0 {
			return key, strings.TrimSpace(text[:i]), text[i+1:]
		}
		return key, text, ""
	}
	separators := ";"
	if separator == ' ' {
		separators = " \t\r\n"
	}
	if i := strings.IndexAny(text, separators); i >= 0 {
		return key, strings.TrimSpace(text[:i]), text[i+1:]
	}
	return key, strings.TrimSpace(text), ""
}

// closers maps the character that begins a value to the one that ends it.
var closers = map[byte]byte{'\'': '\'', '"': '"', '{': '}'}

// driverSystem finds the system in the name of an ODBC driver or an OLE DB
// provider, such as "ODBC Driver 18 for SQL Server".
func driverSystem(name string) (System, bool) {
	if s, ok := LookupSystem(name); ok {
		return s, true
	}
	lower := strings.ToLower(name)
	for _, word := range []string{"oracle", "postgresql", "mariadb", "mysql", "sqlite", "redshift", "snowflake", "clickhouse", "db2"} {
		if strings.Contains(lower, word) {
			return known(word), true
		}
	}
	for _, word := range []string{"sql server", "sqlncli", "msoledbsql", "freetds", "sqloledb"} {
		if strings.Contains(lower, word) {
			return known("mssql"), true
		}
	}
	return System{}, false
}
