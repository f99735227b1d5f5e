// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"math"
	"strings"
)

// splitHostPort splits host, host:port, [v6]:port and bare IPv6 addresses. It fails
// if the part after the colon is not a port, because then the text is not an address.
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
		address, _, _ := strings.Cut(text, "%") // the zone
		return text, 0, isIPv6(address)
	}
}

// isIPv6 reports whether text has only characters that IPv6 addresses have.
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

// atoiPort converts text to a port. It returns 0 if text is not one.
func atoiPort(text string) int64 {
	if text == "" || len(text) > len("00065535") {
		return 0
	}
	n := int64(0)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0
		}
		n = 10*n + int64(text[i]-'0')
	}
	if n > math.MaxUint16 {
		return 0
	}
	return n
}

// isDigits reports whether text is a number.
func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// plausibleHost reports whether host can be a name, an address or a socket. SQL Server's
// "." and "(local)" are not: they only mean the client's own machine.
func plausibleHost(host string) bool {
	return len(host) <= maxName && !strings.ContainsAny(host, "@=;,()[]<>\"'`{}? \t\r\n\x00") && strings.Trim(host, ".:*") != "" &&
		!isOracleScheme(host) && !isDigits(host)
}

// namesAccount reports whether a URL has the account, the project or the database of a
// service in place of a host. Source: Snowflake's drivers for Go and SQLAlchemy
// (user:password@account/database), which also take a host with its domain or its port;
// sqlalchemy-bigquery (project/dataset); firebolt-sqlalchemy (id:secret@database/engine).
func namesAccount(system System, host string, port int64) bool {
	switch system.Legacy {
	case "bigquery", "firebolt":
		return port == 0 && !strings.Contains(host, ".")
	case "snowflake":
		return port == 0 && indexFold(host, ".snowflakecomputing.") < 0
	default:
		return false
	}
}

// plausibleNamespace reports whether name can be the name of a database.
func plausibleNamespace(name string) bool {
	name = strings.TrimSuffix(name, firestoreDefault)
	return len(name) <= maxName && !strings.ContainsAny(name, "@=;()<>\"'`{}?&\t\r\n\x00")
}

// firestoreDefault ends the path of Firestore's first database.
const firestoreDefault = "/(default)"

// isResourcePath reports whether text is the path of a resource in Google's or Azure's
// cloud, such as projects/p/instances/i/databases/d. It has a name after each kind of
// resource, and no password has as many slashes in front of such words. Source: Google's
// AIP-122, resource names; Azure's resource IDs.
func isResourcePath(text string) bool {
	path := strings.TrimPrefix(text, "/")
	kind, rest, _ := strings.Cut(path, "/")
	switch {
	case kind == "projects":
		// The project of an organization: example.com:p.
		if project, tail, found := strings.Cut(rest, ":"); found && isPlain(project) && strings.Contains(project, ".") {
			rest = tail
		}
	case !strings.EqualFold(kind, "subscriptions"):
		return false
	}
	return strings.Count(rest, "/") >= 2 && isPath(rest)
}

// isPath reports whether text consists of plain names with slashes between them.
func isPath(text string) bool {
	for part := range strings.SplitSeq(strings.TrimSuffix(text, firestoreDefault), "/") {
		if part == "" || !isPlain(part) {
			return false
		}
	}
	return len(text) <= maxName
}

// namesPaths reports whether the names of a system's databases have slashes, as in
// catalog/database. None of these systems has logins of the form user/password.
func namesPaths(system System) bool {
	switch system.Legacy {
	case "athena", "bigquery", "cosmosdb", "spanner", "ydb":
		return true
	default:
		return false
	}
}

// hasPrefixFold is strings.HasPrefix, ignoring case.
func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// hasSuffixFold is strings.HasSuffix, ignoring case.
func hasSuffixFold(text, suffix string) bool {
	return len(text) >= len(suffix) && strings.EqualFold(text[len(text)-len(suffix):], suffix)
}

// cutPrefixFold is strings.CutPrefix, ignoring case.
func cutPrefixFold(text, prefix string) (string, bool) {
	if !hasPrefixFold(text, prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

// indexFold is strings.Index, ignoring case.
func indexFold(text, mark string) int {
	for i := range len(text) - len(mark) + 1 {
		if strings.EqualFold(text[i:i+len(mark)], mark) {
			return i
		}
	}
	return -1
}

// lastIndexFold is strings.LastIndex, ignoring case.
func lastIndexFold(text, mark string) int {
	for i := len(text) - len(mark); i >= 0; i-- {
		if strings.EqualFold(text[i:i+len(mark)], mark) {
			return i
		}
	}
	return -1
}
