// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"net/url"
	"strings"
)

// parseURL reads the rest of a URL after the scheme, which names the system.
func parseURL(system System, rest string) Connection {
	if system.Legacy == Oracle.Legacy {
		c := parseOracleURL(rest)
		c.System = system
		return c
	}
	for _, product := range [...]string{"sqlserver:", "sybase:"} { // jtds
		if server, ok := cutPrefixFold(rest, product); ok {
			system, _ = LookupSystem(strings.TrimSuffix(product, ":"))
			rest = server
		}
	}
	if system.Legacy == "sybase" {
		rest, _ = cutPrefixFold(rest, "tds:")
	}

	if first := strings.IndexAny(rest, "=/?"); first > 0 && rest[first] == '=' && isPairs(rest) && !embedded(system) { // PHP's PDO
		c := parsePairs(rest, system)
		c.System = system
		return c
	}

	var c Connection
	head, params := rest, ""
	marks := "?;"
	if system.Language == LanguageRedis {
		marks = "?" // a ";" is the password's
	}
	if i := strings.IndexAny(rest, marks); i >= 0 {
		head, params = rest[:i], rest[i:]
	}
	if own, ok := parseOwnURL(system, head, params); ok {
		return own
	}
	body, hasHost := "", false
	if i := strings.Index(head, "//"); i >= 0 {
		body, hasHost = head[i+2:], true
	}
	switch {
	case hasHost:
		c = parseHostPath(body, system)
		if strings.Contains(params, "@") && !safeParams(body, params[1:]) {
			return Connection{System: system}
		}
	case embedded(system):
		c.Namespace = embeddedName(head)
	case strings.ContainsAny(head, ":/@"): // mysql:host:3306
		c = parseHostPath(head, system)
	}
	c.System = system
	if name := databaseParam(params); name != "" {
		c.Namespace = name
	}
	if server := afterCredentials(body); hasHost && (server == "" || server[0] == '/') && !strings.Contains(params, "@") {
		if host := anyParam(params, "servername", "server", "host", "unix_socket"); host != "" {
			placeServer(&c, host)
		}
		if port, _, _ := strings.Cut(anyParam(params, "portnumber", "port"), ","); port != "" {
			c.Port = atoiPort(port)
		}
	}
	return c
}

// safeParams reports whether the "@" in params belongs to a value. Otherwise it may
// come after a password that contains a "?" or ";".
func safeParams(body, params string) bool {
	if server := afterCredentials(body); !strings.Contains(server, "/") {
		if _, _, ok := splitHostPort(server[strings.LastIndexByte(server, ',')+1:]); !ok {
			return false // a user and the start of a password
		}
	}
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
	if isOptions(text) { // StackExchange.Redis
		text, _, _ = strings.Cut(text, ",")
	}
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
	if authority == "" && isResourcePath(path) {
		return Connection{Namespace: path}
	}
	if authority == "" && system.Language == LanguageRedis && strings.Contains(path, "/") {
		return Connection{Host: "/" + path}
	}
	if endsAsScheme(authority) || authority == "" && strings.Contains(path, "/") && !embedded(system) {
		return Connection{} // a socket
	}
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
		if hasPrefixFold(c.Host, "%2f") { // a socket
			c.Host, _ = url.PathUnescape(c.Host)
		}
	}
	if namesAccount(system, c.Host, c.Port) {
		if system.Legacy == "firebolt" {
			return Connection{Namespace: c.Host}
		}
		c.Host = ""
	}
	if embedded(system) {
		c.Namespace = embeddedName(path)
	} else {
		c.Namespace = pathName(path, system)
	}
	return c
}

// isOptions reports whether text is host,name=value.
func isOptions(text string) bool {
	i := strings.IndexByte(text, ',')
	return i > 0 && text[0] != '(' && isOption(text[i+1:])
}

// isOption reports whether text begins with name=value, possibly after a list of hosts.
func isOption(text string) bool {
	key, _, found := strings.Cut(text, "=")
	if i := strings.LastIndexByte(key, ','); i >= 0 && !strings.ContainsAny(key, "@/?") {
		key = key[i+1:]
	}
	return found && key != "" && !strings.EqualFold(key, "address") && strings.Trim(key, keyBytes) == ""
}

// pathName returns the name of the database in the path of a URL.
func pathName(path string, system System) string {
	if isResourcePath(path) {
		return path
	}
	path, rest, _ := strings.Cut(path, "/")
	if system.Legacy == "databricks" && path == "sql" && rest != "" {
		return "" // the path of a warehouse: sql/1.0/…
	}
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

// afterCredentials drops everything up to the last "@": a password may contain one, a
// host never does.
func afterCredentials(text string) string {
	return text[strings.LastIndexByte(text, '@')+1:]
}

// embedded reports whether a URL of the system without "//" names a file or an area
// of memory.
func embedded(system System) bool {
	switch system.Legacy {
	case "sqlite", "h2", "hsqldb", "derby", "duckdb", "firebird":
		return true
	default:
		return false
	}
}

// embeddedName returns the name of a file or an area of memory, without its folder.
func embeddedName(text string) string {
	if kind, rest, ok := strings.Cut(text, ":"); ok && len(kind) > 1 && isEmbeddedKind(kind) {
		text = rest
	}
	text = strings.ReplaceAll(text, `\`, "/")
	text = withoutFilePort(text)
	return text[strings.LastIndexByte(text, '/')+1:]
}

// isEmbeddedKind reports whether a word is not a database's name, but shows that it is in
// memory, in a file or on a Windows drive.
func isEmbeddedKind(word string) bool {
	switch strings.ToLower(word) {
	case "mem", "memory", "file", "directory", "classpath", "jar", "zip", "nio", "split", "res":
		return true
	default:
		return len(word) == 1 && word[0]|0x20 >= 'a' && word[0]|0x20 <= 'z'
	}
}

// withoutFilePort drops the port that the Java agent appends to the path of a file.
func withoutFilePort(text string) string {
	if i := strings.LastIndexByte(text, ':'); i > 0 && isDigits(text[i+1:]) {
		return text[:i]
	}
	return text
}
