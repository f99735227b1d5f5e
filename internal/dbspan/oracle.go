// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// parseOracleURL reads what follows "jdbc:oracle:" or "oracle:", including the
// "//…" of Easy Connect Plus and SQLAlchemy.
func parseOracleURL(rest string) Connection {
	if body, ok := strings.CutPrefix(rest, "//"); ok {
		return withServiceParam(parseOracle(afterOracleCredentials(body)), body)
	}
	// The type of driver: thin, oci, oci8, kprb.
	if kind, tail, ok := strings.Cut(rest, ":"); ok && !strings.ContainsAny(kind, "@/(") {
		rest = tail
	}
	if onlyCredentials(rest) {
		return Connection{}
	}
	return withServiceParam(parseOracle(afterOracleCredentials(rest)), rest)
}

// onlyCredentials reports whether text may be nothing but user/password, which
// looks like host/service. Without a port or a domain nothing shows which of the
// two it is.
func onlyCredentials(text string) bool {
	if strings.Contains(text, "@") || strings.HasPrefix(text, "(") || strings.Contains(text, "//") {
		return false
	}
	host, _, ok := strings.Cut(text, "/")
	return ok && host != "" && !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost")
}

// withServiceParam returns c with the service among the parameters of text, if c
// has none.
func withServiceParam(c Connection, text string) Connection {
	if c.Namespace == "" {
		if _, params, ok := strings.Cut(text, "?"); ok {
			c.Namespace = databaseParam(params)
		}
	}
	return c
}

// afterOracleCredentials drops "user/password@". A password may hold an "@", so
// it looks for the start of an address first, and only then for the last "@".
func afterOracleCredentials(text string) string {
	for _, mark := range []string{"@(", "@//", "@tcps://", "@tcp://", "@ldap://", "@ldaps://"} {
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
		// The host is that of the directory, not of the database.
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
		c.Namespace = first // an alias: nothing shows that it is a host
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
// (SERVICE_NAME=…))), and MySQL's address=(host=…)(port=…). It takes the first
// address, and no port of another one.
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
