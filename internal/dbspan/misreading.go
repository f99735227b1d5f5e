// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// undoMisreading restores the database and the host, as far as possible, of Oracle's
// JDBC URLs that the Java agent misreads (version 2.31 all these forms, 2.33 some). The
// agent splits such a URL at its first ":" and "/". It reports the part before as the
// host and the part behind as the database:
//
//	@tcps://host:1522/service     host tcps, database 1522/service
//	@ldaps://oid:636/alias,cn=…   host ldaps, database 636/alias,cn=…
//	@ldap://oid/alias,cn=…        host oid, database alias,cn=…
//	@[2001:db8::5]:1521/service   host [2001, database :5]:1521/service
//	@h1:1521,h2:1521/service      host h1, database 1521/service
//	@config-ociobject://host/…    host config-ociobject, database /host/…
//	@alias?TNS_ADMIN=/path        host alias?tns_admin=, database path
//
// It reports whether the URL was misread. Then nothing else in the span needs to be read.
func (s *Span) undoMisreading() bool {
	t := &s.Sent
	address := cmp.Or(t.ServerAddress, t.NetPeerName)
	if alias, params, found := strings.Cut(address, "?"); found && isPlain(alias) && strings.Contains(params, "=") && !HoldsSecret(params) {
		s.Namespace, s.ServerPort = alias, 0
		return true
	}
	entry := ""
	for _, text := range [...]string{databaseOf(Oracle, t.Namespace), databaseOf(Oracle, t.Name)} {
		if entry == "" || text != "" && misread(text) {
			entry = text
		}
	}
	lost := isOracleScheme(address) || strings.HasPrefix(address, "[") && !strings.Contains(address, "]")
	if !lost && !misread(entry) {
		return false
	}
	s.ServerPort = 0
	if isConfigProvider(address) {
		return true
	}
	c := readMisread(entry)
	s.Namespace = c.Namespace
	switch {
	case lost: // the host, if known, is in the text reported as the database
		s.ServerAddress, s.ServerPort = c.Host, c.Port
	case indexFold(entry, oracleContext) < 0: // otherwise the host is the directory's
		s.take(readAddress(address, s.System))
	}
	return true
}

// oracleContext is the entry of a directory that contains Oracle's names.
const oracleContext = ",cn=oraclecontext"

// isOracleScheme reports whether a host is the scheme of a connect identifier.
func isOracleScheme(host string) bool {
	switch len(host) {
	case 3:
		return strings.EqualFold(host, "tcp") || strings.EqualFold(host, "beq") || strings.EqualFold(host, "ipc") ||
			strings.EqualFold(host, "sdp") || strings.EqualFold(host, "wss")
	case 4:
		return strings.EqualFold(host, "tcps") || strings.EqualFold(host, "ldap")
	case 5:
		return strings.EqualFold(host, "ldaps")
	case 9:
		return strings.EqualFold(host, "exadirect")
	default:
		return isConfigProvider(host)
	}
}

// isConfigProvider reports whether a host is the scheme of a URL that names the source
// of the driver's configuration. Source: JDBC Developer's Guide, centralized
// configuration providers.
func isConfigProvider(host string) bool { return hasPrefixFold(host, "config-") }

// misread reports whether the database is the rest of a URL that was split at the wrong
// place.
func misread(entry string) bool {
	if strings.Contains(entry, "://") || strings.HasPrefix(entry, "//") && indexFold(entry, oracleContext) < 0 || entry == "" || entry[0] == '(' {
		return false // a whole connection string
	}
	if indexFold(entry, oracleContext) > 0 || strings.Contains(entry, "]:") || strings.Contains(entry, "]/") {
		return !strings.HasPrefix(entry, "[") && !strings.Contains(entry, "@")
	}
	end := strings.IndexAny(entry, "/,")
	return end > 0 && isDigits(entry[:end])
}

// readMisread parses a text that was reported as the database.
func readMisread(entry string) Connection {
	var c Connection
	entry, _, _ = strings.Cut(entry, "?")
	if i := indexFold(entry, oracleContext); i > 0 {
		entry = entry[:i]
		entry, _ = cutPrefixFold(entry[strings.LastIndexByte(entry, '/')+1:], "cn=")
	} else if rest, found := strings.CutPrefix(entry, "/"); found { // tcps://host/service has no port
		c = parseOracle("//" + strings.TrimPrefix(rest, "/"))
		entry = c.Namespace
	} else {
		if i := strings.LastIndexByte(entry, ']'); i >= 0 {
			entry = entry[i+1:]
		}
		if before, service, found := strings.Cut(entry, "/"); found {
			entry = serviceName(service)
		} else if isDigits(strings.TrimPrefix(before, ":")) {
			entry = "" // a port without a service
		}
	}
	c.Namespace = ""
	if plausibleNamespace(entry) && isPlain(entry) {
		c.Namespace = entry
	}
	if !isPlain(c.Host) {
		c.Host, c.Port = "", 0
	}
	return c
}
