// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Connection is what a connection string says about the far side. What it does
// not say is empty: no default host, port or database is made up.
type Connection struct {
	// System is the database; zero if the string does not tell.
	System System
	// Host is the host's name or address without brackets, of the first host if
	// there are several.
	Host string
	// Port is the port of that host; 0 if the string does not tell.
	Port int64
	// Namespace is the database: for Oracle the service, or the SID, or the
	// alias by which the network configuration knows both.
	Namespace string
}

// maxConnectionString bounds the work that one string can cause, in bytes.
const maxConnectionString = 8 << 10

// ParseConnection reads a JDBC URL, a database URL, an Oracle connect
// descriptor or Easy Connect string, a PostgreSQL or Go MySQL data source name,
// or an ODBC or ADO.NET connection string. hint is the system that the span
// names, for the forms that do not tell; it may be zero.
//
// A string whose parts cannot be told apart for certain, such as a URL with a
// "/" in its password, gives no host and no namespace: a part of a password
// must not leave under another name.
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
	if !plausibleNamespace(c.Namespace) {
		c.Namespace = ""
	}
	return c
}

func parseConnection(text string, hint System) Connection {
	if text[0] == '(' {
		return parseDescriptor(text)
	}
	scheme, rest, ok := cutScheme(text)
	if ok {
		return parseURL(scheme, rest)
	}
	switch {
	case strings.Contains(text, ";") && strings.Contains(text, "="), isAttributePair(text):
		return parsePairs(text, hint)
	case strings.Contains(text, "@tcp("), strings.Contains(text, "@unix("):
		return parseGoMySQL(text)
	case hint.Legacy == Oracle.Legacy && (hasPrefixFold(text, "tcps://") || hasPrefixFold(text, "tcp://")):
		return parseOracle(text) // Easy Connect with a protocol
	case strings.Contains(text, "://"), onlyCredentials(text):
		return Connection{} // of something else, or of nothing
	case hint.Legacy == Oracle.Legacy:
		return parseOracle(afterOracleCredentials(text))
	default:
		return parseHostPath(text, hint)
	}
}

// cutScheme cuts "jdbc:oracle:thin:@…", "postgresql://…" and the like behind
// the scheme that names a system, wrappers before it left out.
func cutScheme(text string) (System, string, bool) {
	for range maxWrappers {
		scheme, rest, ok := strings.Cut(text, ":")
		if !ok || scheme == "" || strings.ContainsAny(scheme, " =;@/(") {
			return System{}, "", false
		}
		if number, _, _ := strings.Cut(rest, "/"); atoiPort(number) != 0 {
			return System{}, "", false // a host that is called as its database
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
		switch strings.ToLower(scheme) {
		case "jdbc", "jdbc-secretsmanager", "r2dbc", "r2dbcs", "odbc", "pool", "proxy",
			"p6spy", "otel", "tracing", "log4jdbc", "tc", "aws-wrapper", "datadirect", "weblogic":
			text = rest
		default:
			return System{}, "", false
		}
	}
	return System{}, "", false
}

// maxWrappers is more prefixes than any real URL stacks.
const maxWrappers = 4

func parseURL(system System, rest string) Connection {
	if system.Legacy == Oracle.Legacy {
		c := parseOracleURL(rest)
		c.System = system
		return c
	}
	if server, ok := cutPrefixFold(rest, "sqlserver:"); ok { // jtds
		system, rest = known("mssql"), server
	}

	var c Connection
	head, params := rest, ""
	if i := strings.IndexAny(rest, "?;"); i >= 0 {
		head, params = rest[:i], rest[i+1:]
	}
	body, hasHost := "", false
	if i := strings.Index(head, "//"); i >= 0 {
		body, hasHost = head[i+2:], true
	}
	switch {
	case hasHost:
		c = parseHostPath(body, system)
		if strings.Contains(params, "@") && !safeParams(body, params) {
			c = Connection{}
		}
	case embedded(system):
		c.Namespace = embeddedName(head)
	default: // mysql:host:3306, informix-direct:db
		c = parseHostPath(head, system)
	}
	c.System = system
	if name := databaseParam(params); name != "" {
		c.Namespace = name
	}
	if c.Host == "" && hasHost && body == "" {
		c.Host = param(params, "servername")
		c.Port = atoiPort(param(params, "portnumber"))
	}
	return c
}

// safeParams tells whether the "@" in params is part of a value, not the end of
// a password with a "?" or ";" in it.
func safeParams(body, params string) bool {
	if key, _, ok := strings.Cut(params, "="); ok && pairKeys[normalKey(key)] != pairIgnored {
		return true
	}
	if !strings.Contains(body, "/") && strings.Contains(body, ":") {
		return false
	}
	for part := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == '&' || r == ';' }) {
		before, after, ok := strings.Cut(part, "@")
		if ok && (!strings.Contains(before, "=") || strings.ContainsAny(after, "/:")) {
			return false
		}
	}
	return true
}

// parseHostPath reads [user[:password]@]host[:port][,host…][/database].
func parseHostPath(text string, system System) Connection {
	if i := strings.IndexAny(text, "?;"); i >= 0 {
		if strings.Contains(text[i:], "@") && !safeParams(text[:i], text[i+1:]) {
			return Connection{}
		}
		text = text[:i]
	}
	text, _, _ = strings.Cut(afterCredentials(text), "#")
	if hasPrefixFold(text, "address=") || hasPrefixFold(text, "(") { // MySQL, MariaDB
		c := parseDescriptor(text)
		if i := strings.LastIndex(text, ")/"); i >= 0 {
			c.Namespace = pathName(text[i+2:], system)
		}
		return c
	}
	authority, path, _ := strings.Cut(text, "/")
	var c Connection
	first, _, _ := strings.Cut(authority, ",")
	// SQL Server's host\instance.
	if host, tail, ok := strings.Cut(first, `\`); ok {
		_, port, _ := strings.Cut(tail, ":")
		c.Host, c.Port = host, atoiPort(port)
	} else {
		c.Host, c.Port, ok = splitHostPort(first)
		if !ok {
			return Connection{}
		}
	}
	if embedded(system) {
		c.Namespace = embeddedName(path)
	} else {
		c.Namespace = pathName(path, system)
	}
	return c
}

// pathName reads a database's name from the path of a URL.
func pathName(path string, system System) string {
	path, _, _ = strings.Cut(path, "/")
	if system.Legacy == "db2" || system.Legacy == "informix" { // /db:KEY=value;
		path, _, _ = strings.Cut(path, ":")
	}
	if strings.Contains(path, "%") {
		plain, err := url.PathUnescape(path)
		if err != nil {
			return ""
		}
		path = plain
	}
	return path
}

// afterCredentials drops everything up to the last "@": a password may hold one
// too, a host never.
func afterCredentials(text string) string {
	return text[strings.LastIndexByte(text, '@')+1:]
}

// embedded tells whether a URL of the system without "//" names a file or a
// memory area.
func embedded(system System) bool {
	switch system.Legacy {
	case "sqlite", "h2", "hsqldb", "derby", "duckdb", "firebird":
		return true
	default:
		return false
	}
}

func embeddedName(text string) string {
	for _, kind := range []string{"mem:", "memory:", "file:", "directory:", "classpath:", "jar:", "zip:", "nio:", "split:", "res:"} {
		if rest, ok := cutPrefixFold(text, kind); ok {
			text = rest
			break
		}
	}
	text = strings.ReplaceAll(text, `\`, "/")
	return text[strings.LastIndexByte(text, '/')+1:]
}

// parseOracleURL reads what follows "jdbc:oracle:" or "oracle:" or, for Easy
// Connect Plus and SQLAlchemy, the rest of "oracle://…".
func parseOracleURL(rest string) Connection {
	if body, ok := strings.CutPrefix(rest, "//"); ok {
		return withServiceParam(parseOracle(afterOracleCredentials(body)), body)
	}
	// The driver's kind: thin, oci, oci8, kprb.
	if kind, tail, ok := strings.Cut(rest, ":"); ok && !strings.ContainsAny(kind, "@/(") {
		rest = tail
	}
	if onlyCredentials(rest) {
		return Connection{}
	}
	return withServiceParam(parseOracle(afterOracleCredentials(rest)), rest)
}

// onlyCredentials tells whether text may be nothing but user/password, which
// looks like host/service: where the host has no port and no domain, nothing
// says which of the two it is.
func onlyCredentials(text string) bool {
	if strings.Contains(text, "@") || strings.HasPrefix(text, "(") || strings.Contains(text, "//") {
		return false
	}
	host, _, ok := strings.Cut(text, "/")
	return ok && host != "" && !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost")
}

func withServiceParam(c Connection, text string) Connection {
	if c.Namespace == "" {
		if _, params, ok := strings.Cut(text, "?"); ok {
			c.Namespace = databaseParam(params)
		}
	}
	return c
}

// afterOracleCredentials drops "user/password@". The address that follows shows
// how it begins where that is possible, since a password may hold an "@".
func afterOracleCredentials(text string) string {
	for _, mark := range []string{"@(", "@//", "@tcps://", "@tcp://", "@ldap://", "@ldaps://"} {
		if i := lastIndexFold(text, mark); i >= 0 {
			return text[i+1:]
		}
	}
	head, _, _ := strings.Cut(text, "?")
	if !strings.Contains(head, "@") && strings.Contains(text, "@") {
		return "" // a "?" in the password
	}
	return afterCredentials(head)
}

// parseOracle reads an Oracle connect identifier: a connect descriptor, Easy
// Connect, host:port:sid, an LDAP URL or a network alias. Source: Oracle
// Database Net Services Administrator's Guide, naming methods; JDBC Developer's
// Guide, database specifiers.
func parseOracle(text string) Connection {
	text = strings.TrimSpace(text)
	c := Connection{System: Oracle}
	if strings.HasPrefix(text, "(") {
		return parseDescriptor(text)
	}
	if i := strings.Index(text, "?"); i >= 0 {
		text = text[:i]
	}
	for _, ldap := range []string{"ldap://", "ldaps://", "ldap:", "ldaps:"} {
		rest, ok := cutPrefixFold(text, ldap)
		if !ok {
			continue
		}
		// The directory's host is not the database's.
		_, entry, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		entry, _, _ = strings.Cut(entry, ",")
		c.Namespace, _ = cutPrefixFold(entry, "cn=")
		return c
	}
	for _, protocol := range []string{"tcps:", "tcp:"} {
		if rest, ok := cutPrefixFold(text, protocol); ok {
			text = rest
			break
		}
	}
	text = strings.TrimPrefix(text, "//")
	authority, service, hasService := strings.Cut(text, "/")
	service, _, _ = strings.Cut(service, "/") // /instance
	if i := strings.LastIndexByte(service, ':'); i >= 0 {
		service = service[:i] // :server_mode
	}
	c.Namespace = service
	first, _, more := strings.Cut(authority, ",")

	if !strings.HasPrefix(first, "[") && strings.Count(first, ":") == 2 { // host:port:sid
		host, tail, _ := strings.Cut(first, ":")
		port, sid, _ := strings.Cut(tail, ":")
		c.Host, c.Port = host, atoiPort(port)
		if c.Port == 0 {
			return Connection{System: Oracle}
		}
		if !hasService {
			c.Namespace = sid
		}
		return c
	}
	if !hasService && !more && !strings.Contains(first, ":") {
		c.Namespace = first // an alias: nothing in it says that it is a host
		return c
	}
	host, port, ok := splitHostPort(first)
	if !ok {
		name, sid, _ := strings.Cut(first, ":")
		if strings.Contains(sid, ":") || hasService {
			return Connection{System: Oracle}
		}
		c.Host, c.Namespace = name, sid
		return c
	}
	c.Host, c.Port = host, port
	return c
}

// parseDescriptor reads (DESCRIPTION=(ADDRESS=(HOST=…)(PORT=…))(CONNECT_DATA=
// (SERVICE_NAME=…))), and MySQL's address=(host=…)(port=…). The first address
// counts, with its own port only.
func parseDescriptor(text string) Connection {
	var c Connection
	if strings.HasPrefix(strings.TrimSpace(text), "(") {
		c.System = Oracle
	}
	var sid string
	closed := false // the first address is complete
	for i := 0; i < len(text); {
		end := strings.IndexAny(text[i:], "=(),")
		if end < 0 {
			break
		}
		key := strings.ToLower(strings.TrimSpace(text[i : i+end]))
		i += end + 1
		if text[i-1] != '=' {
			continue
		}
		if key == "address" {
			closed = c.Host != ""
			continue
		}
		stop := strings.IndexAny(text[i:], "()")
		if stop < 0 {
			break
		}
		value := strings.Trim(strings.TrimSpace(text[i:i+stop]), `"'`)
		if text[i+stop] == '(' || value == "" {
			continue
		}
		i += stop + 1
		switch key {
		case "host":
			if c.Host == "" {
				c.Host = strings.Trim(value, "[]")
			}
		case "port":
			if !closed && c.Port == 0 {
				c.Port = atoiPort(value)
			}
		case "service_name":
			if c.Namespace == "" {
				c.Namespace = value
			}
		case "sid":
			if sid == "" {
				sid = value
			}
		}
	}
	if c.Namespace == "" {
		c.Namespace = sid
	}
	return c
}

// parseGoMySQL reads user:password@tcp(host:port)/database?params.
func parseGoMySQL(text string) Connection {
	c := Connection{System: known("mysql")}
	i := strings.LastIndex(text, "@tcp(")
	if i < 0 {
		i = strings.LastIndex(text, "@unix(")
	}
	_, address, _ := strings.Cut(text[i:], "(")
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

// isAttributePair tells whether text is one key=value of a connection string,
// or libpq's list of them with blanks between.
func isAttributePair(text string) bool {
	key, _, ok := strings.Cut(text, "=")
	if !ok {
		return false
	}
	return pairKeys[normalKey(key)] != pairIgnored
}

type pairKind uint8

const (
	pairIgnored pairKind = iota
	pairHost
	pairPort
	pairDatabase
	pairService
	pairDriver
	pairPostgres
	pairSQLServer
	pairOther
)

// pairKeys is the keys of ODBC, OLE DB, ADO.NET and libpq that matter, in lower
// case without blanks and underscores.
var pairKeys = map[string]pairKind{
	"server": pairHost, "servername": pairHost, "host": pairHost, "hostname": pairHost, "hostaddr": pairHost, "datasource": pairHost,
	"address": pairHost, "addr": pairHost, "networkaddress": pairHost, "dbq": pairHost, "dsn": pairHost,
	"port": pairPort, "portnumber": pairPort,
	"database": pairDatabase, "databasename": pairDatabase, "dbname": pairDatabase, "db": pairDatabase,
	"initialcatalog": pairDatabase, "servicename": pairService, "sid": pairService,
	"driver": pairDriver, "provider": pairDriver,
	"sslmode": pairPostgres, "searchpath": pairPostgres,
	"integratedsecurity": pairSQLServer, "trustservercertificate": pairSQLServer, "multipleactiveresultsets": pairSQLServer,
	"user": pairOther, "userid": pairOther, "uid": pairOther, "username": pairOther, "password": pairOther, "pwd": pairOther,
}

// normalKey is how pairKeys writes a key.
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

// parsePairs reads Server=…;Database=…; and host=… dbname=….
func parsePairs(text string, hint System) Connection {
	c := Connection{System: hint}
	separator := byte(';')
	if !strings.Contains(text, ";") {
		separator = ' '
	}
	var host, guess string
	for text != "" {
		var key, value string
		key, value, text = nextPair(text, separator)
		kind := pairKeys[normalKey(key)]
		if value == "" {
			continue
		}
		switch kind {
		case pairHost:
			if host == "" {
				host = value
			}
		case pairPort:
			c.Port = atoiPort(value)
		case pairDatabase:
			c.Namespace = value
			if normalKey(key) == "initialcatalog" {
				guess = "mssql"
			} else if separator == ' ' {
				guess = "postgresql"
			}
		case pairService:
			c.Namespace = value
			guess = Oracle.Legacy
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
	if c.System.IsZero() {
		c.System = known(guess)
	}
	placeHost(&c, host)
	return c
}

// placeHost reads the host of a connection string into c.
func placeHost(c *Connection, host string) {
	switch {
	case host == "":
		return
	case strings.HasPrefix(host, "("):
		d := parseDescriptor(host)
		c.Host, c.Port, c.Namespace, c.System = d.Host, d.Port, d.Namespace, d.System
		return
	case c.System.Legacy == "sqlite":
		c.Namespace = embeddedName(host)
		return
	case c.System.Legacy == Oracle.Legacy, c.System.IsZero() && strings.Contains(host, "/") && !strings.HasPrefix(host, "/"):
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
	// SQL Server's tcp:host\instance,1433.
	for _, protocol := range []string{"tcp:", "np:", "lpc:", "admin:"} {
		if rest, ok := cutPrefixFold(host, protocol); ok {
			host = rest
			break
		}
	}
	if before, after, ok := strings.Cut(host, ","); ok {
		host = before
		if port := atoiPort(strings.TrimSpace(after)); port != 0 {
			c.Port = port
		}
	}
	host, _, _ = strings.Cut(host, `\`)
	if strings.HasPrefix(host, "/") { // a socket
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

// nextPair cuts the first key=value from text. A value may stand in quotes or
// braces, in which the separator means nothing.
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
				i++ // doubled: part of the value
			default:
				return key, text[1:i], text[i+1:]
			}
		}
		return key, "", "" // never closed: whatever it is, it is not for us
	}
	if text[0] == '(' { // a connect descriptor
		if i := strings.IndexByte(text, ';'); i >= 0 {
			return key, strings.TrimSpace(text[:i]), text[i+1:]
		}
		return key, text, ""
	}
	if i := strings.IndexByte(text, separator); i >= 0 {
		return key, strings.TrimSpace(text[:i]), text[i+1:]
	}
	return key, strings.TrimSpace(text), ""
}

var closers = map[byte]byte{'\'': '\'', '"': '"', '{': '}'}

// driverSystem finds the system that the name of an ODBC driver or OLE DB
// provider holds, such as "ODBC Driver 18 for SQL Server".
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

// databaseParam finds the database among the parameters of a URL.
func databaseParam(params string) string {
	for _, name := range []string{"databasename", "database", "dbname", "service_name", "sid", "db"} {
		if value := param(params, name); value != "" {
			return value
		}
	}
	return ""
}

// param finds a parameter in a=b&c=d or a=b;c=d, without regard to case.
func param(params, name string) string {
	for part := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == '&' || r == ';' || r == '?' }) {
		key, value, ok := strings.Cut(part, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		return strings.TrimSpace(value)
	}
	return ""
}

// splitHostPort splits host, host:port, [v6]:port and bare v6 addresses. It
// fails if what stands for the port is no port: then the text is something else.
func splitHostPort(text string) (host string, port int64, ok bool) {
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return "", 0, false
		}
		host, text = text[1:end], text[end+1:]
		if text == "" {
			return host, 0, true
		}
		port = atoiPort(strings.TrimPrefix(text, ":"))
		return host, port, text[0] == ':' && port != 0
	}
	switch strings.Count(text, ":") {
	case 0:
		return text, 0, true
	case 1:
		host, number, _ := strings.Cut(text, ":")
		if number == "" {
			return host, 0, true
		}
		port = atoiPort(number)
		return host, port, port != 0
	default:
		return text, 0, isIPv6(text)
	}
}

func isIPv6(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c != ':' && c != '.' && !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// atoiPort is the port that text is, or 0.
func atoiPort(text string) int64 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int64(n)
}

// plausibleHost tells whether a host can be one: a name, an address or a socket.
func plausibleHost(host string) bool {
	return len(host) <= 255 && !strings.ContainsAny(host, "@=;,()<>\"'`{} \t\r\n\x00")
}

// plausibleNamespace tells whether a database's name can be one.
func plausibleNamespace(name string) bool {
	return len(name) <= 255 && !strings.ContainsAny(name, "@=;()<>\"'`{}?&\t\r\n\x00")
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

func cutPrefixFold(text, prefix string) (string, bool) {
	if !hasPrefixFold(text, prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

// lastIndexFold is strings.LastIndex without regard to the case of ASCII.
func lastIndexFold(text, mark string) int {
	for i := len(text) - len(mark); i >= 0; i-- {
		if strings.EqualFold(text[i:i+len(mark)], mark) {
			return i
		}
	}
	return -1
}
