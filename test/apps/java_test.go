// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	javaFolder = "test/apps/java"
	javaAgent  = "opentelemetry-javaagent"
)

// javaDependency matches a dependency in pom.xml.
var javaDependency = regexp.MustCompile(`<groupId>(\S+)</groupId>\s*<artifactId>(\S+)</artifactId>\s*<version>(\S+)</version>\s*</dependency>`)

// java downloads the agent and the drivers with Maven and compiles the shop.
func java(t *testing.T) toolchain {
	t.Helper()
	pom, err := os.ReadFile(filepath.Join(harness.Root(t), javaFolder, "pom.xml"))
	require.NoError(t, err)
	tools := toolchain{
		path: filepath.Dir(program(t, "java")),
		environment: []string{
			// Halves the CPU time of a start.
			"JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
			// Enables the metrics that count spans.
			"OTEL_EXPERIMENTAL_SDK_TELEMETRY_VERSION=latest",
			// Exports metrics often enough while the app runs.
			"OTEL_METRIC_EXPORT_INTERVAL=1000",
		},
		versions: "Java " + versionOf(t, program(t, "java")),
	}
	jars := map[string]string{}
	for _, dependency := range javaDependency.FindAllStringSubmatch(string(pom), -1) {
		name, version := dependency[2], dependency[3]
		jars[name] = filepath.Join("lib", name+"-"+version+".jar")
		tools.versions += " " + name + " " + version
		if name == javaAgent {
			tools.installs = append(tools.installs, strings.Join(dependency[1:], ":"))
		}
	}
	sources := []string{javaFolder + "/App.java", javaFolder + "/Store.java"}
	folder := cached(t, "java", append(sources, javaFolder+"/pom.xml"), func(t *testing.T, folder string) {
		t.Helper()
		from := filepath.Join(harness.Root(t), javaFolder)
		runIn(t, folder, "mvn", "--batch-mode", "--quiet", "--file", filepath.Join(from, "pom.xml"),
			"dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(folder, "lib"))
		runIn(t, from, "javac", "-d", filepath.Join(folder, "classes"), "App.java", "Store.java")
		manifest := filepath.Join(folder, "manifest")
		require.NoError(t, os.WriteFile(manifest, []byte("Class-Path: "+jars["h2"]+" "+jars["postgresql"]+"\n"), 0o600))
		runIn(t, folder, "jar", "--create", "--file", "app.jar", "--manifest", manifest, "--main-class", "App", "-C", "classes", ".")
	})
	tools.links = map[string]string{
		"app.jar":          filepath.Join(folder, "app.jar"),
		"lib":              filepath.Join(folder, "lib"),
		javaAgent + ".jar": filepath.Join(folder, jars[javaAgent]),
	}
	return tools
}

// shopH2 creates a file of H2, which runs inside the app.
func shopH2(t *testing.T) database {
	t.Helper()
	file := filepath.Join(t.TempDir(), shopDatabase)
	h2, err := filepath.Glob(filepath.Join(java(t).links["lib"], "h2-*.jar"))
	require.NoError(t, err)
	require.Len(t, h2, 1)
	runIn(t, filepath.Dir(file), "java", "-cp", h2[0], "org.h2.tools.Shell", "-url", "jdbc:h2:"+file, "-sql", strings.Join(shopTables, ";"))
	return database{
		system: "h2", name: strings.ToLower(file), // as the agent parses URLs
		version: "H2 in the app", url: "jdbc:h2:" + file + fmt.Sprintf(";QUERY_TIMEOUT=%d", shopLimit.Milliseconds()),
		slow: "SELECT SUM(X) FROM SYSTEM_RANGE(1, 1000000000000)",
	}
}

// javaDatabase is a database of the shop in Java, and the exceptions of its
// driver.
type javaDatabase struct {
	name         string
	start        func(*testing.T) database
	failed, late string
}

var javaDatabases = []javaDatabase{
	{
		name: "H2", start: shopH2,
		failed: "org.h2.jdbc.JdbcSQLSyntaxErrorException", late: "org.h2.jdbc.JdbcSQLTimeoutException",
	},
	{
		name: "PostgreSQL", start: shopPostgreSQL,
		failed: "org.postgresql.util.PSQLException", late: "org.postgresql.util.PSQLException",
	},
}

// javaCases are the shop under the agent, with each generation of the conventions. The
// traces must be the same in all of them, except for the names of the database spans.
func javaCases() []testCase {
	var rows []testCase
	for _, db := range javaDatabases {
		for _, mode := range []string{"", "database", "database/dup"} {
			rows = append(rows, javaCase(db, mode))
		}
	}
	return rows
}

func javaCase(db javaDatabase, mode string) testCase {
	tt := testCase{
		name:      "Java agent, JDBC on " + db.name,
		databases: []func(*testing.T) database{db.start},
		services: []service{{
			name: "java", recipe: "app java", folders: []string{"java"}, tools: java, ready: "listening on", measured: true,
		}},
		traffic: shopTraffic,
		routes: func(r *running) []route {
			return javaShop(db, r.databases[0], mode != "").routes("java", r.databases[0])
		},
		check: func(t *testing.T, r *running) {
			t.Helper()
			checkDatabaseNames(t, r)
			signals{
				metrics: []string{"http.server.request.duration", "jvm.memory.used", "jvm.thread.count"}, failure: "request failed", level: "SEVERE",
			}.check(t, r)
		},
	}
	if mode != "" {
		tt.name += ", " + mode
		tt.services[0].environment = []string{"OTEL_SEMCONV_STABILITY_OPT_IN=" + mode}
	}
	return tt
}

var (
	// literal matches what the agent masks in a statement.
	literal = regexp.MustCompile(`\b\d+\b`)
	// tableName matches the table that the agent finds in a statement.
	tableName = regexp.MustCompile(`(?:FROM|INTO) (\w+)(\(?)`)
)

// javaShop is how the shop's traces look. The agent includes the database in the span
// names unless it uses the stable conventions.
func javaShop(kind javaDatabase, db database, stable bool) shop {
	return shop{
		names:       map[string]string{"GET /items/1": "GET /items/", "GET /missing": "GET /"},
		placeholder: "?",
		unhandled:   "java.lang.IllegalStateException",
		wrapped:     "java.lang.IllegalStateException",
		failed:      kind.failed,
		late:        kind.late,
		query: func(q *span) {
			statement := q.attributes["db.statement"]
			table := tableName.FindStringSubmatch(statement)
			if !stable && table != nil && table[2] != "" {
				table = nil // a function
			}
			q.attributes["db.statement"] = literal.ReplaceAllLiteralString(statement, "?")
			switch {
			case table == nil && !stable:
				q.name += " " + db.name
			case table != nil && stable:
				q.name += " " + table[1]
			case table != nil:
				q.name += " " + db.name + "." + table[1]
			}
		},
	}
}

// checkDatabaseNames checks the old name of an attribute, which APM reads. The
// comparison of traces accepts it in either generation.
func checkDatabaseNames(t *testing.T, r *running) {
	t.Helper()
	for _, stored := range r.sandbox.Spans(t) {
		if stored.Kind == "CLIENT" {
			assert.Equal(t, r.databases[0].name, stored.Attributes["db.name"], stored.Name)
		}
	}
}
