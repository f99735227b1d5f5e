// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const goFolder = "test/apps/go"

// goModule matches a direct requirement in go.mod.
var goModule = regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`)

// golang builds the shop once, so that later starts need no network and little time.
// shown is the module whose version the final table shows.
func golang(shown string) func(*testing.T) toolchain {
	return func(t *testing.T) toolchain {
		t.Helper()
		caches.Lock()
		defer caches.Unlock()
		folder := filepath.Join(harness.Root(t), goFolder)
		runIn(t, folder, "go", "build", "-o", filepath.Join(t.TempDir(), "app"), ".")
		content, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		require.NoError(t, err)
		tools := toolchain{path: filepath.Dir(program(t, "go")), versions: strings.TrimPrefix(runIn(t, folder, "go", "version"), "go version go")}
		tools.versions = "Go " + strings.Fields(tools.versions)[0]
		for _, module := range goModule.FindAllStringSubmatch(string(content), -1) {
			tools.installs = append(tools.installs, module[1])
			if strings.HasSuffix(module[1], "/"+shown) || module[1] == "go.opentelemetry.io/otel/sdk" {
				tools.versions += " " + strings.TrimPrefix(module[1], "go.opentelemetry.io/") + " " + module[2]
			}
		}
		return tools
	}
}

// goCases are the shop on net/http, with two PostgreSQL libraries. The second one sends
// over gRPC.
func goCases() []testCase {
	rows := []testCase{
		{name: "Go, otelhttp, otelpgx", routes: func(r *running) []route { return otelpgx(r.databases[0]).routes("go", r.databases[0]) }},
		{name: "Go, otelhttp, otelsql, OTLP/gRPC", routes: func(r *running) []route { return otelsql(r.databases[0]).routes("go", r.databases[0]) }},
	}
	for i, library := range []string{"otelpgx", "otelsql"} {
		rows[i].databases = []func(*testing.T) database{shopPostgreSQL}
		rows[i].services = []service{{
			name: "go", recipe: "app go", folders: []string{"go"}, tools: golang(library), ready: "listening", counted: true,
			environment: []string{"TRACED_BY=" + library},
		}}
		rows[i].traffic = shopTraffic
	}
	rows[1].services[0].grpc = true
	rows[1].services[0].environment = append(rows[1].services[0].environment, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
	return rows
}

// goShop is how the shop's traces look, given the spans around that of a statement.
func goShop(around func(query span) []span) shop {
	return shop{
		names:       map[string]string{"GET /items/1": "GET /items/{id}", "GET /missing": "GET"},
		placeholder: "$1",
		unhandled:   "*errors.errorString",
		failed:      "*pgconn.PrepareError",
		late:        "*pgconn.PgError",
		around: func(server span, queries []span) []span {
			if len(queries) == 0 {
				return nil
			}
			below := around(queries[0])
			setService(below, server.service)
			return below
		},
	}
}

// otelpgx has a span for preparing a statement inside the span of the statement.
func otelpgx(db database) shop {
	return goShop(func(query span) []span {
		// Exec does not prepare a statement without parameters.
		if query.attributes["db.statement"] != db.slow {
			query.children = []span{query}
		}
		return []span{{kind: "CLIENT", name: "connect", attributes: db.connection()}, query}
	})
}

// otelsql names its spans after the driver's calls, and has one more for the rows.
func otelsql(db database) shop {
	return goShop(func(query span) []span {
		query.name = "sql.conn.query"
		if statement := query.attributes["db.statement"]; statement == db.slow || strings.HasPrefix(statement, "INSERT") {
			query.name = "sql.conn.exec"
		}
		spans := []span{{kind: "CLIENT", name: "sql.connector.connect", attributes: db.connection()}, query}
		if query.name == "sql.conn.query" && !query.failed {
			spans = append(spans, span{kind: "CLIENT", name: "sql.rows", attributes: db.connection()})
		}
		return spans
	})
}

// The app's files are exactly those of docs/apps/go.md, and its module builds as it is.
func TestGoFilesMatchThePage(t *testing.T) {
	folder := t.TempDir()
	writeRecipeFiles(t, "app go", folder)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		expected, err := os.ReadFile(filepath.Join(folder, file.Name()))
		require.NoError(t, err)
		content, err := os.ReadFile(filepath.Join(harness.Root(t), goFolder, file.Name()))
		require.NoError(t, err)
		header := bytes.Index(content, []byte("package main\n"))
		require.Positive(t, header, "%s has no header", file.Name())
		assert.Equal(t, strings.TrimSpace(string(expected)), strings.TrimSpace(string(content[header:])), file.Name())
	}
}
