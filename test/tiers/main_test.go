// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build tiers

package tiers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	// drainTimeout is how long everything may take to arrive once nothing blocks it:
	// others wait up to 40 s for a part that was killed.
	drainTimeout = 3 * time.Minute
	pollInterval = 250 * time.Millisecond
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// agent starts an agent that sends to a gateway at host:port, with its exporter in
// Kubernetes.
func agent(t *testing.T, gateway string) *harness.Collector {
	t.Helper()
	return harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: "https://unused.oci.test", DataKey: harness.PrivateKey, // of agent.yaml's own exporter
		Environment: []string{"GATEWAY_ENDPOINT=" + gateway},
		Arguments:   []string{"--config=" + manifest(t, "components/forward/exporter.yaml"), "--set=exporters.oci_apm.startup_check=false"},
	})
}

// gateway starts a collector with the configuration of base/gateway, merged with the
// files and the YAML of its role.
func gateway(t *testing.T, sandbox *harness.Sandbox, environment []string, settings string, files ...string) *harness.Collector {
	t.Helper()
	var arguments []string
	for _, file := range files {
		arguments = append(arguments, "--config="+manifest(t, file))
	}
	return harness.StartCollector(t, harness.CollectorOptions{
		Config: manifest(t, "base/gateway/collector.yaml"), Endpoint: sandbox.URL, Environment: environment,
		Arguments: append(arguments, "--config=yaml:"+settings),
	})
}

// manifest returns the path of a file of deploy/kubernetes.
func manifest(t *testing.T, path string) string {
	t.Helper()
	return filepath.Join(harness.Root(t), "deploy", "kubernetes", path)
}

// uploadSettings are the exporter settings that differ outside Kubernetes.
func uploadSettings(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "data_key")
	require.NoError(t, os.WriteFile(file, []byte(harness.PrivateKey), 0o600))
	return fmt.Sprintf("exporters: {oci_apm: {data_key_file: %q}}", file)
}

// startLoad starts eight apps, which share their traces in pairs: one app of a
// pair sends to the first collector, the other to the second.
func startLoad(t *testing.T, collectors ...*harness.Collector) *otlpload.Load {
	t.Helper()
	var apps []*otlpload.App
	for id := range 8 {
		target := collectors[id%len(collectors)]
		sender := otlpload.NewHTTPSender(target.HTTP)
		if id%4 < 2 {
			var err error
			sender, err = otlpload.NewGRPCSender(target.GRPC)
			require.NoError(t, err)
		}
		apps = append(apps, otlpload.NewApp(id, sender, otlpload.Options{Pause: 50 * time.Millisecond, AppsPerTrace: 2}))
	}
	load := otlpload.Start(t.Context(), apps...)
	t.Cleanup(load.Abort)
	return load
}

// missing stops the load and returns how many accepted spans are still not stored when
// nothing more arrives.
func missing(t *testing.T, load *otlpload.Load, sandbox *harness.Sandbox) int {
	t.Helper()
	load.Finish()
	assert.Empty(t, load.Refused())
	accepted := load.Accepted()
	last, since := -1, time.Now()
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		stored := sandbox.Counts(t).Spans.Stored
		if stored >= accepted {
			break
		}
		if stored != last {
			last, since = stored, time.Now()
		}
		if time.Since(since) > time.Minute {
			break
		}
	}
	lost := 0
	for _, a := range load.Apps {
		lost += sandbox.Missing(t, a.Report())
	}
	counts := sandbox.Counts(t).Spans
	t.Logf("%d spans accepted, %d stored, %d missing, %d duplicates, %d retries of apps", accepted, counts.Stored, lost, counts.Duplicates, load.Retries())
	require.Positive(t, accepted)
	return lost
}
