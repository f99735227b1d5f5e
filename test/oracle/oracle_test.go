// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build oracle

package oracle

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// Every statement of StayEasy must have the SQL_ID that the database shows in V$SQL.
func TestSQLIDs(t *testing.T) {
	dsn := os.Getenv("ORACLE_DSN")
	if dsn == "" {
		t.Skip("ORACLE_DSN is not set: write oracle://user:password@host:1521/service")
	}
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
	url := startStayEasy(t, collector, dsn)
	traffic := command(t, filepath.Join(harness.Root(t), "examples", "stayeasy", "traffic.py"), "--base-url", url, "--rounds", "3", "--seed", "7")
	output, err := traffic.CombinedOutput()
	require.NoError(t, err, string(output))

	statements := map[string]string{} // by SQL_ID
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		clear(statements)
		for _, span := range sandbox.Spans(t) {
			text, _ := span.Attributes["db.statement"].(string)
			if text == "" {
				continue
			}
			id, _ := span.Attributes["DbOracleSqlId"].(string)
			assert.NotEmpty(c, id, text)
			statements[id] = text
		}
		assert.Greater(c, len(statements), 10)
	}, time.Minute, time.Second)

	ids, err := json.Marshal(slices.Sorted(maps.Keys(statements)))
	require.NoError(t, err)
	ask := command(t, filepath.Join("testdata", "vsql.py"))
	ask.Stdin = bytes.NewReader(ids)
	ask.Stderr = os.Stderr
	answer, err := ask.Output()
	require.NoError(t, err)
	var texts map[string]string
	require.NoError(t, json.Unmarshal(answer, &texts))
	for id, text := range statements {
		assert.Equal(t, text, texts[id], "V$SQL's text of %s", id)
	}
	t.Logf("%d statements have V$SQL's SQL_ID", len(statements))
}

// startStayEasy starts the example app on the database and returns its URL.
func startStayEasy(t *testing.T, collector *harness.Collector, dsn string) string {
	t.Helper()
	address := harness.FreeAddress(t)
	cmd := command(t, "-m", "hypercorn", "asgi:application", "--workers", "1", "--bind", address)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start stops it
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Env, "PYTHONPATH="+filepath.Join(harness.Root(t), "examples", "stayeasy"), "PYTHONUNBUFFERED=1",
		"STAYEASY_DATABASE_URL="+dsn, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collector.HTTP, "OTEL_BSP_SCHEDULE_DELAY=200")
	harness.Start(t, cmd).AwaitOutput(t, `unning on http://`)
	return "http://" + address
}

// command returns a command in the Python environment that make test-oracle installs.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	python := filepath.Join(harness.Root(t), ".venv", "oracle", "bin", "python")
	cmd := exec.CommandContext(t.Context(), python, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "OTEL") && !strings.HasPrefix(variable, "STAYEASY") && !strings.HasPrefix(variable, "PYTHON") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}
