// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// parseOracleURL reads what follows "jdbc:oracle:" or "oracle:", including the
// "//…" of Easy Connect Plus and SQLAlchemy.
func parseOracleURL(rest string) Connection {
	// The driver type: thin, oci, oci8, kprb. In an R2DBC URL it is the protocol.
	if kind, tail, ok := strings.Cut(rest, ":"); ok && !strings.ContainsAny(kind, "@/(") && !isOracleScheme(kind) {
		rest = tail
	}
	if name, found := cutPrefixFold(rest, "dbname="); found { // PHP's PDO
		rest, _, _ = strings.Cut(name, ";")
	}
	if i := strings.Index(rest, "=("); i > 0 && strings.HasPrefix(rest, "//?") { // R2DBC's descriptor
		return parseDescriptor(rest[i+1:])
	}
	if body, ok := strings.CutPrefix(rest, "//"); ok {
		if i := strings.IndexByte(body, ';'); i > 0 && !strings.Contains(body[:i], "@") && databaseParam(body[i:]) != "" { // DataDirect's
			if strings.Contains(body, "@") {
				return Connection{} // perhaps of a password
			}
			c := parseOracle("//" + body[:i])
			c.Namespace = databaseParam(body[i:])
			return c
		}
		if alias, params, found := strings.Cut(body, "?"); found && isPlain(alias) && hasPrefixFold(params, tnsAdmin) {
			return Connection{Namespace: alias} // the Java agent's reading of @alias?TNS_ADMIN=…
		}
		address := afterOracleCredentials(body)
		if host, _, _ := strings.Cut(body, "?"); len(address) == len(host) {
			return withServiceParam(parseOracle(rest[:len("//")+len(address)]), body)
		}
		return withServiceParam(parseOracle(address), body) // a URL of SQLAlchemy or godror, which may name an alias
	}
	if onlyCredentials(rest) {
		return Connection{}
	}
	return withServiceParam(parseOracle(afterOracleCredentials(rest)), rest)
}

// tnsAdmin begins the parameter that names the folder of the network configuration,
// which defines the aliases.
const tnsAdmin = "tns_admin="

// onlyCredentials reports whether text may be only user/password, which looks like
// host/service. Without a port or a domain, the two cannot be distinguished.
func onlyCredentials(text string) bool {
	if strings.Contains(text, "@") || strings.HasPrefix(text, "(") || strings.Contains(text, "//") {
		return false
	}
	head, params, _ := strings.Cut(text, "?")
	if isPlain(head) && hasPrefixFold(params, tnsAdmin) {
		return false // an alias
	}
	host, _, ok := strings.Cut(text, "/")
	return ok && host != "" && !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost")
}

// withServiceParam returns c with the service among the parameters of text, if c
// has none.
func withServiceParam(c Connection, text string) Connection {
	if c.Namespace == "" {
		if i := strings.IndexByte(text, '?'); i >= 0 {
			c.Namespace = databaseParam(text[i:])
		}
	}
	return c
}

// oracleAddresses are the possible starts of an address after credentials. No name
// contains any of them.
var oracleAddresses = [...]string{"@(", "@//", "@tcps://", "@tcp://", "@ldap://", "@ldaps://"}

// hasOracleAddress reports whether text has the start of an address after credentials.
func hasOracleAddress(text string) bool {
	for _, mark := range oracleAddresses {
		if lastIndexFold(text, mark) >= 0 {
			return true
		}
	}
	return false
}

// afterOracleCredentials drops "user/password@". A password may contain an "@", so
// it looks for the start of an address first, and only then for the last "@".
func afterOracleCredentials(text string) string {
	for _, mark := range oracleAddresses {
		if i := lastIndexFold(text, mark); i >= 0 {
			return text[i+1:]
		}
	}
	head, _, _ := strings.Cut(text, "?")
	if !strings.Contains(head, "@") && strings.Contains(text, "@") {
		return "" // the "?" is in the password
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
		// The host is the directory's, not the database's.
		_, entry, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		entry, _, _ = strings.Cut(entry, ",")
		c.Namespace, _ = cutPrefixFold(entry, "cn=")
		return c
	}
	isHost := false // an alias has neither a protocol nor "//"
	for _, prefix := range []string{"tcps:", "tcp:", "//"} {
		if rest, ok := cutPrefixFold(text, prefix); ok {
			text, isHost = rest, true
		}
	}
	authority, service, hasService := strings.Cut(text, "/")
	service = serviceName(service)
	if isConfigProvider(authority) {
		return c
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
	if !isHost && !hasService && !more && !strings.Contains(first, ":") {
		c.Namespace = first // an alias, since nothing shows that it is a host
		if isPool(first) || wrapsURL(first) {
			c.Namespace = ""
		}
		return c
	}
	host, port, ok := splitHostPort(first)
	if !ok {
		return Connection{System: Oracle} // host:sid, or user:password
	}
	c.Host, c.Port = host, port
	return c
}

// serviceName returns the service of Easy Connect's service:mode/instance.
func serviceName(text string) string {
	text, _, _ = strings.Cut(text, "/")
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		text = text[:i]
	}
	return text
}

// isPool reports whether a name is the name of a connection pool, such as HikariPool-1,
// not of a database.
func isPool(name string) bool { return indexFold(name, "pool") >= 0 }

// parseDescriptor reads (DESCRIPTION=(ADDRESS=(HOST=…)(PORT=…))(CONNECT_DATA=
// (SERVICE_NAME=…))), and MySQL's address=(host=…)(port=…). It uses only
// the first address, and never the port of another one.
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
		stop := strings.IndexAny(text[i:], "(),") // MySQL's (host=…,port=…) has commas
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
