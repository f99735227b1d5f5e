// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"cmp"
	"strings"
)

// resolvePlace finds the namespace, the host and the port. If an attribute for a name
// has a connection string instead, it is parsed and not copied.
func (s *Span) resolvePlace() {
	t := &s.Sent
	namespace := cmp.Or(t.Namespace, t.Name, t.Instance, t.RedisIndex, t.SearchCluster)
	address := cmp.Or(t.ServerAddress, t.NetPeerName)
	switch {
	case isPlain(namespace) && isPlain(address) && (t.Namespace == "" || isPlain(t.Name)) && address != thisMachine && !isOracleScheme(address):
		s.Namespace, s.ServerAddress = namespace, address // nearly always
	case s.System.Legacy == Oracle.Legacy && s.undoMisreading():
		return
	default:
		s.readNames()
	}
	for _, text := range [...]string{t.ConnectionString, t.URL} {
		if text != "" && (s.Namespace == "" || s.ServerAddress == "") {
			s.take(ParseConnection(text, s.System))
		}
	}
	if s.Namespace == "" && s.System.Legacy == Oracle.Legacy {
		for _, name := range [...]string{t.OraclePDB, t.OracleName, t.OracleService, t.OracleInstance, t.OracleTenant} {
			s.Namespace = cmp.Or(s.Namespace, readNamespace(databaseOf(s.System, name), s.System).Namespace)
		}
	}
	for _, text := range [...]string{t.PeerAddress, t.SockPeerAddr, t.PeerIP} {
		if text != "" && s.ServerAddress == "" {
			s.take(readAddress(text, s.System))
			s.ServerPort = cmp.Or(s.ServerPort, t.PeerPort, t.SockPeerPort)
		}
	}
}

// readNames finds the namespace and the host in the attributes for their names. Some of
// the values are more than a name.
func (s *Span) readNames() {
	t := &s.Sent
	// The host from a connection string in an attribute for the namespace. An attribute
	// for the host takes precedence.
	var beside Connection
	for _, text := range [...]string{t.Namespace, t.Name, t.Instance, t.RedisIndex, t.SearchCluster} {
		if text == "" || s.Namespace != "" {
			continue
		}
		c := readNamespace(databaseOf(s.System, text), s.System)
		s.Namespace = c.Namespace
		if beside.Host == "" {
			beside = c
		}
	}
	for _, text := range [...]string{t.ServerAddress, t.NetPeerName} {
		if text != "" && s.ServerAddress == "" {
			s.take(readAddress(text, s.System))
		}
	}
	s.take(beside)
}

// take copies the namespace, and the host with its port, if s lacks them.
func (s *Span) take(c Connection) {
	if s.Namespace == "" {
		s.Namespace = c.Namespace
	}
	if s.ServerAddress == "" && c.Host != "" {
		s.ServerAddress = c.Host
		s.ServerPort = cmp.Or(s.ServerPort, c.Port)
	}
}

// port returns the port from the first attribute that has one.
func (t *Sent) port() int64 {
	port := cmp.Or(t.ServerPort, t.NetPeerPort)
	if port != 0 {
		return port
	}
	for _, text := range [...]string{t.ServerAddress, t.NetPeerName} {
		if text != "" {
			return cmp.Or(readAddress(text, System{}).Port, t.PeerPort, t.SockPeerPort)
		}
	}
	return cmp.Or(t.PeerPort, t.SockPeerPort)
}

// readNamespace reads the value of an attribute for a namespace: nearly always the name
// itself, but some applications put a connection string there. Python's dbapi
// instrumentation can be configured to send the data source name of python-oracledb.
// A text that is neither may contain a password and is left out.
func readNamespace(text string, system System) Connection {
	switch {
	case isPlain(text), isResourcePath(text), namesPaths(system) && isPath(strings.TrimPrefix(text, "/")):
		return Connection{Namespace: text}
	case system.Legacy == Oracle.Legacy && hasServerMode(text):
		return Connection{Namespace: serviceName(text)}
	case looksLikeConnection(text, system):
		return ParseConnection(text, system)
	case isCredentials(text, system), !plausibleNamespace(text), HoldsSecret(text):
		return Connection{}
	case embedded(system):
		return Connection{Namespace: withoutFilePort(text)}
	default:
		return Connection{Namespace: text}
	}
}

// thisMachine is SQL Server's name for the client's own machine.
const thisMachine = "."

// readAddress reads the value of an attribute for a host: a name or an
// address, possibly with a port or an instance, a list of those, of which it uses the
// first, or a whole connection string.
func readAddress(text string, system System) Connection {
	switch {
	case system.Legacy == Oracle.Legacy && isOracleScheme(text), text == thisMachine:
		return Connection{}
	case isPlain(text):
		return Connection{Host: text}
	}
	text = withoutConnectionID(text)
	if rest, found := strings.CutPrefix(text, "/"); found && !strings.Contains(rest, "/") {
		if host, port, ok := splitHostPort(rest); ok && port != 0 {
			return Connection{Host: host, Port: port} // Java's /10.0.0.1:5432
		}
	}
	if strings.Contains(text, ",") && !strings.Contains(text, "=") {
		text = strings.ReplaceAll(text, " ", "") // a list
	}
	if looksLikeAddress(text) {
		var c Connection
		placeServer(&c, text)
		if c.Host != "" && plausibleHost(c.Host) {
			return c
		}
		if system.Legacy != Oracle.Legacy { // whose address may be host:port:sid
			return Connection{}
		}
	}
	if embedded(system) && !looksLikeConnection(text, system) { // host/~/file
		host, path, _ := strings.Cut(text, "/")
		name := embeddedName(path)
		if isEmbeddedKind(name) {
			name = "" // the rest was cut
		}
		if !isPlain(host) || !plausibleHost(host) || !plausibleNamespace(name) {
			return Connection{}
		}
		return Connection{Host: host, Namespace: name}
	}
	return ParseConnection(text, system)
}

// isPlain reports whether a name has none of the special characters of connection
// strings. Nearly all names are plain.
func isPlain(text string) bool {
	for i := range len(text) {
		if notPlain[text[i]] {
			return false
		}
	}
	return len(text) <= maxName
}

// maxName is the maximum length of a name in bytes. Source for hosts: RFC 1035.
const maxName = 255

var notPlain = func() (special [256]bool) {
	for c := range 0x21 {
		special[c] = true
	}
	for _, c := range "\"&'(),/:;<=>?@[\\]`{|}\x7f" {
		special[c] = true
	}
	return special
}()

// withoutConnectionID drops the connection number that MongoDB's driver for Go adds to
// an address, as in m1:27017[-4].
func withoutConnectionID(text string) string {
	if !strings.HasSuffix(text, "]") {
		return text
	}
	i := strings.LastIndex(text, "[-")
	if i > 0 && isDigits(text[i+2:len(text)-1]) {
		return text[:i]
	}
	return text
}

// looksLikeAddress reports whether text is host:port, a list of those, an address of
// SQL Server such as tcp:host\instance,1433, or a socket.
func looksLikeAddress(text string) bool {
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
		return true
	}
	if endsAsScheme(text) {
		return false
	}
	return !strings.ContainsAny(text, "/@=;?(){}<>\"'` \t\r\n")
}

// looksLikeConnection reports whether the value of an attribute for a name is a
// connection string.
func looksLikeConnection(text string, system System) bool {
	switch {
	case text[0] == '(', strings.Contains(text, "://"), strings.Contains(text, "@"), hasPrefixFold(text, "jdbc:"),
		strings.Contains(text, "=") && isPairs(text), strings.Contains(text, "?") && strings.Contains(text, "="), isGoMySQL(text):
		return true
	case strings.HasPrefix(text, "//"), isOptions(text):
		return true
	case strings.Contains(text, "|"), text[0] == '/':
		return false
	case system.Legacy == Oracle.Legacy:
		return strings.Contains(text, "/") || strings.Contains(text, ":")
	case embedded(system):
		return false
	}
	_, tail, found := strings.Cut(text, ":") // host:port/database
	port, _, _ := strings.Cut(tail, "/")
	return found && atoiPort(port) != 0
}

// hasServerMode reports whether text is Easy Connect's service:mode, with or without an
// instance. The Java agent removes the host before it.
func hasServerMode(text string) bool {
	name, mode, found := strings.Cut(text, ":")
	mode, _, _ = strings.Cut(mode, "/")
	return found && isPlain(name) && (strings.EqualFold(mode, "dedicated") || strings.EqualFold(mode, "shared") || strings.EqualFold(mode, "pooled"))
}

// isCredentials reports whether the value of an attribute for a name may be only a user
// and a password.
func isCredentials(text string, system System) bool {
	if !embedded(system) {
		return strings.ContainsAny(text, ":/") && text[0] != ':'
	}
	head, tail, found := strings.Cut(text, ":")
	if !found || strings.HasPrefix(tail, `\`) || strings.HasPrefix(tail, "/") || strings.ContainsAny(head, `/\`) || head == "" {
		return false // the name of a file
	}
	return embeddedName(text) == text
}
