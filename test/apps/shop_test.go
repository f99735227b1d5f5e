// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
)

// The small apps of the table, in every language, implement the same routes over a table
// of items:
// table of items:
//
//	GET  /items       200  SELECT
//	GET  /items/1     200  SELECT with a bound parameter
//	POST /items       201  INSERT with a bound parameter; the body is {"name": "…"}
//	GET  /missing     404  no such route, no statement
//	GET  /error       500  an exception that the app does not handle, no statement
//	GET  /broken      500  a statement that fails, whose exception the app does not handle
//	GET  /slow        504  a statement that runs into a time-out, which the app handles
const (
	listItems   = "SELECT id, name FROM items ORDER BY id"
	getItem     = "SELECT id, name FROM items WHERE id = " // and the driver's placeholder
	addItem     = "INSERT INTO items (name) VALUES ("      // and the driver's placeholder, and )
	brokenQuery = "SELECT name FROM no_such_table"
)

// shopTables are the statements that create the table, for databases that support
// SERIAL.
var shopTables = []string{
	"CREATE TABLE items (id SERIAL PRIMARY KEY, name VARCHAR(100) NOT NULL)",
	"INSERT INTO items (name) VALUES ('tea'), ('coffee')",
}

// shopRounds is how often every route is requested.
const shopRounds = 3

func shopTraffic(t *testing.T, c *client) {
	t.Helper()
	for range shopRounds {
		c.request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, &[]any{})
		c.request(t, http.MethodGet, "/items/1", "/items/1", "", http.StatusOK, &map[string]any{})
		c.request(t, http.MethodPost, "/items", "/items", `{"name": "water"}`, http.StatusCreated, &map[string]any{})
		c.request(t, http.MethodGet, "/missing", "/missing", "", http.StatusNotFound, nil)
		c.request(t, http.MethodGet, "/error", "/error", "", http.StatusInternalServerError, nil)
		c.request(t, http.MethodGet, "/broken", "/broken", "", http.StatusInternalServerError, nil)
		c.request(t, http.MethodGet, "/slow", "/slow", "", http.StatusGatewayTimeout, nil)
	}
}

// shop is how the routes look with one instrumentation. Empty fields mean the defaults
// of the contract above.
type shop struct {
	// names are the SERVER spans' names by method and path, as in "GET /items/1", if they
	// differ from that.
	names map[string]string
	// silent means that the SERVER span has only the status ERROR and no exception: the
	// framework responds with 500 before the instrumentation sees the exception.
	silent bool
	// placeholder is the driver's.
	placeholder string
	// query adapts the CLIENT span of a statement. By default its name is the operation,
	// and its attributes are those of the database.
	query func(*span)
	// below returns the SERVER span's other children, beside the statement.
	below func(server span) []span
	// around returns all descendants of the SERVER span, given the statements' spans, if
	// these are not its direct children.
	around func(server span, queries []span) []span
	// texts are the app's statements if they differ from the contract's.
	texts map[string]string
	// wrapped is the type of the exception of /broken that the framework sees, if it
	// differs from that of the statement.
	wrapped string
	// unhandled, failed and late are the types of the exceptions: of /error, of a failed
	// statement, and of one that takes too long.
	unhandled, failed, late string
}

// routes are the contract's routes for a service on a database.
func (s shop) routes(service string, db database) []route {
	request := func(method, path string, status int, exception string, queries ...span) route {
		server := span{
			kind: "SERVER", name: method + " " + path, service: service,
			failed: status >= http.StatusInternalServerError, attributes: httpAttributes(method, path, status), children: queries,
		}
		if name, found := s.names[server.name]; found {
			server.name = name
		}
		if exception != "" && !s.silent {
			server.exceptions = []string{exception}
		}
		if s.around != nil {
			server.children = s.around(server, queries)
		}
		if s.below != nil {
			server.children = append(server.children, s.below(server)...)
		}
		return route{method: method, path: path, status: status, tree: server}
	}
	query := func(statement, exception string) span {
		if text, found := s.texts[statement]; found {
			statement = text
		}
		operation, _, _ := strings.Cut(statement, " ")
		q := span{kind: "CLIENT", name: operation, service: service, attributes: db.attributes(operation, statement)}
		if exception != "" {
			q.failed, q.exceptions = true, []string{exception}
		}
		if s.query != nil {
			s.query(&q)
		}
		return q
	}
	return []route{
		request(http.MethodGet, "/items", http.StatusOK, "", query(listItems, "")),
		request(http.MethodGet, "/items/1", http.StatusOK, "", query(getItem+s.placeholder, "")),
		request(http.MethodPost, "/items", http.StatusCreated, "", query(addItem+s.placeholder+")", "")),
		request(http.MethodGet, "/missing", http.StatusNotFound, ""),
		request(http.MethodGet, "/error", http.StatusInternalServerError, s.unhandled),
		request(http.MethodGet, "/broken", http.StatusInternalServerError, cmp.Or(s.wrapped, s.failed), query(brokenQuery, s.failed)),
		request(http.MethodGet, "/slow", http.StatusGatewayTimeout, "", query(db.slow, s.late)),
	}
}
