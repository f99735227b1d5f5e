// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const nodeFolder = "test/apps/node"

// nodeJS installs the packages of package-lock.json. shown is the driver whose version
// the final table shows.
func nodeJS(driver string) func(*testing.T) toolchain {
	return func(t *testing.T) toolchain {
		t.Helper()
		files := []string{nodeFolder + "/package.json", nodeFolder + "/package-lock.json"}
		folder := cached(t, "node", files, func(t *testing.T, folder string) {
			t.Helper()
			for _, file := range files {
				content, err := os.ReadFile(filepath.Join(harness.Root(t), file))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(file)), content, 0o600))
			}
			runIn(t, folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		})
		content, err := os.ReadFile(filepath.Join(folder, "package.json"))
		require.NoError(t, err)
		var project struct {
			Dependencies map[string]string `json:"dependencies"`
		}
		require.NoError(t, json.Unmarshal(content, &project))
		tools := toolchain{
			path:  filepath.Dir(program(t, "node")),
			links: map[string]string{"node_modules": filepath.Join(folder, "node_modules")},
			environment: []string{
				// This precedes the lines of docs/apps/nodejs.md, which set up the SDK.
				"NODE_OPTIONS=--require ./span_count.js",
			},
			versions: "Node.js " + versionOf(t, program(t, "node")),
		}
		for _, name := range slices.Sorted(maps.Keys(project.Dependencies)) {
			if short, found := strings.CutPrefix(name, "@opentelemetry/"); found {
				tools.installs = append(tools.installs, name)
				tools.versions += " " + short + " " + project.Dependencies[name]
			}
		}
		tools.versions += " express " + project.Dependencies["express"] + " " + driver + " " + project.Dependencies[driver]
		return tools
	}
}

// nodeDriver is how the shop's traces look with a driver.
type nodeDriver struct {
	name  string
	start func(*testing.T) database
	shop  shop // without the spans of Express
	// query adapts the CLIENT span of a statement.
	query func(db database, q *span)
	// before returns the spans of opening the connection that a statement needs.
	before func(db database) []span
}

var nodeDrivers = []nodeDriver{
	{
		name: "pg", start: shopPostgreSQL,
		shop: shop{placeholder: "$1", failed: "", wrapped: "42P01"}, // the instrumentation records no exception type
		query: func(db database, q *span) {
			q.name = "pg.query:" + q.name + " " + db.name
			if q.failed = slices.Contains([]string{brokenQuery, db.slow}, q.attributes["db.statement"]); q.failed {
				q.exceptions = []string{""}
			}
		},
		before: func(db database) []span {
			return []span{{kind: "CLIENT", name: "pg.connect", attributes: db.connection()}}
		},
	},
	{
		name: "mysql2", start: shopMariaDB,
		shop:   shop{placeholder: "?", failed: "ER_NO_SUCH_TABLE", late: "ER_STATEMENT_TIMEOUT"},
		query:  func(_ database, q *span) { q.exceptions = nil }, // the message is in the status
		before: func(database) []span { return nil },
	},
	{
		name: "ioredis", start: redis,
		shop: shop{texts: redisCommands, failed: "ReplyError", late: "Error"},
		before: func(db database) []span {
			return []span{{kind: "CLIENT", name: "connect", attributes: db.attributes("CONNECT", "connect")}}
		},
	},
}

// redisCommands are the shop's statements on Redis as the instrumentation shows them:
// without the stored values.
var redisCommands = map[string]string{
	listItems:     "lrange items 0 -1",
	getItem:       "lindex [2 other arguments]",
	addItem + ")": "rpush items [1 other arguments]",
	brokenQuery:   "incr items",
	"":            "blpop nothing 30",
}

// nodeCases are the shop on Express, under the automatic instrumentation.
func nodeCases() []testCase {
	var rows []testCase
	for _, driver := range nodeDrivers {
		rows = append(rows, testCase{
			name:      "Node.js auto-instrumentations, " + driver.name,
			databases: []func(*testing.T) database{driver.start},
			services: []service{{
				name: "node", recipe: "app node", folders: []string{"node"}, tools: nodeJS(driver.name), ready: "listening", counted: true,
			}},
			traffic: shopTraffic,
			routes:  func(r *running) []route { return nodeShop(driver, r.databases[0]).routes("node", r.databases[0]) },
		})
	}
	return rows
}

// nodeShop is how the shop's traces look. Express' spans have the exceptions, and the
// SERVER span has only the status.
func nodeShop(driver nodeDriver, db database) shop {
	app := driver.shop
	app.names = map[string]string{"GET /items/1": "GET /items/:item", "GET /missing": "GET"}
	app.silent = true
	if driver.query != nil {
		app.query = func(q *span) { driver.query(db, q) }
	}
	app.around = func(server span, queries []span) []span {
		below := []span{{
			kind: "INTERNAL", name: "middleware - patched", children: []span{{kind: "INTERNAL", name: "middleware - jsonParser"}},
		}}
		if _, path, found := strings.Cut(server.name, " "); found {
			var exceptions []string
			switch path {
			case "/error":
				exceptions = []string{"RangeError"}
			case "/broken":
				exceptions = []string{cmp.Or(app.wrapped, app.failed)}
			}
			if len(queries) > 0 {
				queries = append(driver.before(db), queries...)
			}
			handler := span{kind: "INTERNAL", name: "request handler - " + path, exceptions: exceptions, children: queries}
			request := span{
				kind: "INTERNAL", name: "request handler", failed: exceptions != nil, exceptions: exceptions, children: []span{handler},
			}
			below = append(below, span{kind: "INTERNAL", name: "middleware - patched", exceptions: exceptions, children: []span{request}})
		}
		setService(below, server.service)
		return below
	}
	return app
}
