// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A SIGHUP during startup does not kill the collector. It is handled once everything
// runs, so that changes made in the meantime are loaded.
func TestHangupDuringStart(t *testing.T) {
	const reload = "Config updated, restart service"

	// Startup blocks until the configuration server responds.
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
		case <-r.Context().Done():
			return
		}
		http.ServeFile(w, r, harness.ConfigFile(t, "agent.yaml"))
	}))
	t.Cleanup(server.Close)

	addresses := harness.AddressesFile(t, harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t))
	cmd := exec.CommandContext(t.Context(), harness.Binary(t, "otelcol-ociapm"), "--config", server.URL+"/agent", "--config", addresses)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	authority := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	cmd.Env = []string{"SSL_CERT_FILE=" + authority, "APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + t.TempDir()}
	collector := harness.Start(t, cmd)
	requireSignal(t, asked)
	collector.Signal(t, syscall.SIGHUP)
	close(answer)

	collector.AwaitOutput(t, `(?s)Everything is ready.*`+reload+`.*Everything is ready`)
	requireSignal(t, asked)

	// From now on each SIGHUP causes one reload.
	collector.Signal(t, syscall.SIGHUP)
	collector.AwaitOutput(t, `(?s)(Everything is ready.*){3}`)
	time.Sleep(500 * time.Millisecond)
	assert.Equal(t, 2, strings.Count(collector.Output(), reload))
	assert.Zero(t, collector.Stop(t))
}

func requireSignal(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(awaitTimeout):
		require.FailNow(t, "the collector did not fetch the configuration")
	}
}

// It takes a tenth of a second until main runs, and longer on a busy machine. The
// package that catches the signal must be initialized before that.
func TestHangupIsCaughtBeforeMain(t *testing.T) {
	output, code := harness.RunCollector(t, []string{"GODEBUG=inittrace=1"}, "--version")
	require.Zero(t, code)
	packages := slices.DeleteFunc(strings.Split(output, "\n"), func(line string) bool { return !strings.HasPrefix(line, "init ") })
	position := slices.IndexFunc(packages, func(line string) bool { return strings.Contains(line, "/internal/hangup @") })
	require.NotEqual(t, -1, position)
	assert.Less(t, position, len(packages)/10, "packages initialized before it")
}
