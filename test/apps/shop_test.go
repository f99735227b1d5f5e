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

// The small apps of the table, whatever their language, keep one contract over a
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

// shopTables are the statements that make the table, for every database that
// knows SERIAL.
var shopTables = []string{
	"CREATE TABLE items (id SERIAL PRIMARY KEY, name VARCHAR(100) NOT NULL)",
	"INSERT INTO items (name) VALUES ('tea'), ('coffee')",
}

// shopRounds is how often every route is used.
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

// shop is how one instrumentation shows the contract. What it leaves out is as the
// contract has it.
type shop struct {
	// names are those of the SERVER spans by method and path, as in "GET /items/1",
	// where they differ from that.
	names map[string]string
	// silent says that the SERVER span has no exception, only the status ERROR: the
	// framework answers 500 for the app before the instrumentation sees the exception.
	silent bool
	// placeholder is that of the driver.
	placeholder string
	// query changes the CLIENT span of a statement, whose name is the operation and
	// whose attributes are those of the database.
	query func(*span)
	// below returns what is below the SERVER span beside the statement.
	below func(server span) []span
	// around returns what is below the SERVER span where the statement is not: given
	// it, everything.
	around func(server span, queries []span) []span
	// texts are the statements of the app where they are not those of the contract.
	texts map[string]string
	// wrapped is the type of the exception of /broken as the framework gets it, if it
	// is not that of the statement.
	wrapped string
	// unhandled, failed and late are the types of the exceptions: of /error, of a
	// statement that fails, and of one that takes too long.
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
