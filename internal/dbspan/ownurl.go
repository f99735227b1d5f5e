// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// parseOwnURL reads the URLs of systems with a syntax of their own. head is the URL
// after the scheme up to its parameters. It reports whether the URL is one of those.
// Sources: the manuals of the drivers.
func parseOwnURL(system System, head, params string) (Connection, bool) {
	c := Connection{System: system}
	if strings.Contains(head, "@") || strings.Contains(params, "@") {
		before, _, _ := strings.Cut(head, "@")
		// Credentials may contain anything. Those of Teradata's driver are in the path.
		return c, system.Legacy == "teradata" && strings.Contains(before, "=")
	}
	before, body, found := strings.Cut(head, "//")
	if !found {
		return parseBareURL(system, head)
	}
	server, path, _ := strings.Cut(body, "/")
	switch system.Legacy {
	case "teradata": // host/DATABASE=…,DBS_PORT=…
		if !strings.Contains(path, "=") || strings.Contains(path, "'") {
			return c, false
		}
		pairs := ";" + strings.ReplaceAll(path, ",", ";")
		c.Host, c.Port, c.Namespace = server, atoiPort(param(pairs, "dbs_port")), databaseParam(pairs)
	case "redshift": // cluster:region/database
		if _, port, found := strings.Cut(server, ":"); !found || atoiPort(port) != 0 || !strings.EqualFold(before, "iam:") {
			return c, false
		}
		c.Namespace = pathName(path, system)
	case "cassandra": // host:port--host:port/keyspace
		first, _, several := strings.Cut(server, "--")
		if !several {
			return c, false
		}
		c.Host, c.Port, _ = splitHostPort(first)
		c.Namespace = pathName(path, system)
	case "mssql": // SQLAlchemy's odbc_connect=…, with a whole string of ODBC
		text := param(params, "odbc_connect")
		if text == "" {
			return c, false
		}
		return parsePairs(text, system), true
	case "hive": // ZooKeeper's hosts
		if param(params, "servicediscoverymode") == "" {
			return c, false
		}
		c.Namespace = pathName(path, system)
	case "phoenix", "druid": // the URL of Avatica's service
		if !hasSuffixFold(before, "url=http:") && !hasSuffixFold(before, "url=https:") {
			return c, false
		}
		c.Host, c.Port, _ = splitHostPort(server)
	default:
		return c, false
	}
	return c, true
}

// parseBareURL is parseOwnURL for URLs without "//".
func parseBareURL(system System, head string) (Connection, bool) {
	c := Connection{System: system}
	switch system.Legacy {
	case "exasol": // h1..h4/fingerprint:port
		if atoiPort(head[strings.LastIndexByte(head, ':')+1:]) == 0 {
			return c, true // perhaps a user and a password
		}
		first, _, _ := strings.Cut(head, ",")
		host, port, _ := strings.Cut(first, ":")
		host, _, _ = strings.Cut(host, "/")
		c.Host, _, _ = strings.Cut(host, "..")
		c.Port = atoiPort(port)
		return c, true
	case "phoenix": // ZooKeeper's hosts, port and node
		return c, true
	case "firebird": // host/port:file
		server, file, found := strings.Cut(head, ":")
		if !found || isEmbeddedKind(server) || server == "embedded" || server == "native" || server == "local" {
			return c, false
		}
		host, port, _ := strings.Cut(server, "/")
		c.Host, c.Port, c.Namespace = host, atoiPort(port), embeddedName(file)
		return c, true
	default:
		return c, false
	}
}

// cutSentinel cuts the scheme of a URL with the hosts of Redis's sentinels. Source:
// Lettuce, RedisURI; redis-sentinel-url for Python.
func cutSentinel(text string) (rest string, ok bool) {
	for _, scheme := range [...]string{"redis-sentinel://", "rediss-sentinel://", "redis+sentinel://", "rediss+sentinel://"} {
		if rest, ok = cutPrefixFold(text, scheme); ok {
			return rest, true
		}
	}
	return "", false
}

// parseSentinel reads the URL of Redis's sentinels. Their hosts are not the database's,
// but the name of its master is in the path, a parameter or the fragment.
func parseSentinel(rest string) Connection {
	c := Connection{System: redis, Namespace: parseHostPath(rest, redis).Namespace}
	tail := afterCredentials(rest)
	if i := strings.IndexByte(tail, '?'); i >= 0 {
		if master := param(tail[i:], "sentinelmasterid"); master != "" {
			c.Namespace = master
		}
	} else if _, master, found := strings.Cut(tail, "#"); found {
		c.Namespace = master
	}
	return c
}
