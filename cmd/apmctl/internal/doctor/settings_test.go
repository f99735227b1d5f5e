// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patientOf returns a collector with a configuration that is not running.
func patientOf(t *testing.T, configuration string) *patient {
	t.Helper()
	read, err := resolve(t.Context(), []string{"yaml:" + configuration}, &variables{})
	require.NoError(t, err)
	return &patient{settings: read, variables: &variables{}, secrets: &secrets{}, options: Options{root: t.TempDir()}}
}

// The exporter of the first pipeline for traces is examined, not that of a pipeline for
// another signal.
func TestSeveralExporters(t *testing.T) {
	p := patientOf(t, `
exporters:
  oci_apm/a: {endpoint: "https://a.example.com", data_key: KEYOFTHEFIRST}
  oci_apm/b: {endpoint: "https://b.example.com", data_key: KEYOFTHESECOND}
  oci_apm/c: {endpoint: "https://c.example.com", data_key: KEYOFTHETHIRD}
  debug: {}
service:
  pipelines:
    logs: {receivers: [otlp], exporters: [oci_apm/c]}
    traces: {receivers: [otlp], processors: [db_span_enricher, peer_service], exporters: [debug, oci_apm/a]}
    traces/b: {receivers: [otlp], processors: [db_span_enricher, peer_service], exporters: [oci_apm/b, oci_apm/a]}
`)
	assert.Equal(t, "oci_apm/a", p.settings.exporterID)
	assert.Equal(t, "https://a.example.com", p.settings.exporter.ClientConfig.Endpoint)
	assert.Equal(t, []string{"traces"}, p.settings.signals())
	assert.Equal(t, []Finding{ok(Pipelines, "traces pass db_span_enricher and peer_service to oci_apm/a; not examined: oci_apm/b, oci_apm/c")}, pipelinesCheck{}.run(t.Context(), p))
	assert.ElementsMatch(t, []string{"KEYOFTHEFIRST", "KEYOFTHESECOND", "KEYOFTHETHIRD"}, p.settings.dataKeys())
}

// The receiver's defaults apply to a protocol without settings. A socket is no port.
func TestListeners(t *testing.T) {
	const pipelines = `
extensions: {health_check: }
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp]}}
`
	for name, tt := range map[string]struct {
		receivers string
		want      []listenerAddress
	}{
		"defaults": {"{grpc: , http: {}}", []listenerAddress{{"OTLP over gRPC", "localhost:4317"}, {"OTLP over HTTP", "localhost:4318"}}},
		"one":      {"{http: {endpoint: '[::1]:5000'}}", []listenerAddress{{"OTLP over HTTP", "[::1]:5000"}}},
		"socket":   {"{grpc: {endpoint: /run/otlp.sock, transport: unix}, http: }", []listenerAddress{{"OTLP over HTTP", "localhost:4318"}}},
		"none":     {"{}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := patientOf(t, "receivers: {otlp: {protocols: "+tt.receivers+"}}"+pipelines)
			want := append(tt.want, listenerAddress{"health check", "localhost:13133"}, listenerAddress{"metrics", "localhost:8888"})
			assert.Equal(t, want, p.settings.listeners())
		})
	}
}

// Without a health check, the process shows that the collector runs.
func TestWithoutHealthCheck(t *testing.T) {
	p := patientOf(t, "service: {pipelines: {}}")
	assert.Equal(t, []Finding{skipped(Collector, "cannot be seen: the configuration has no health_check")}, collectorCheck{}.run(t.Context(), p))
	assert.False(t, p.running.healthy)
	p.source.process.pid = 7
	assert.Equal(t, []Finding{ok(Collector, "runs with pid 7; the configuration has no health_check")}, collectorCheck{}.run(t.Context(), p))
	assert.True(t, p.running.healthy)
}

func TestIsLocal(t *testing.T) {
	own, err := os.Hostname()
	require.NoError(t, err)
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true, "0.0.0.0": true, own: true,
		"gateway.example.com": false, "203.0.113.7": false,
	} {
		assert.Equal(t, want, isLocal(host), host)
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		assert.True(t, isLocal(address.(*net.IPNet).IP.String()), address)
	}
}

func TestQueueFolder(t *testing.T) {
	folder := t.TempDir()
	queue := func(directory string) *patient {
		return patientOf(t, `
exporters: {oci_apm: {sending_queue: {storage: queue_storage}}}
extensions: {queue_storage: {directory: `+directory+`}}
service: {pipelines: {traces: {exporters: [oci_apm]}}}
`)
	}
	link := filepath.Join(folder, "link")
	require.NoError(t, os.Symlink(filepath.Join(folder, "target"), link))
	finding := func(p *patient) Finding { return queueFolderCheck{}.run(t.Context(), p)[0] }
	assert.Equal(t, failed(QueueFolder, link+" is a link to "+folder+"/target, which does not exist", "create that folder, or remove the link"), finding(queue(link)))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "target"), 0o700))
	assert.Equal(t, ok(QueueFolder, link+" can be written by the collector"), finding(queue(link)))

	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.Equal(t, failed(QueueFolder, file+" is not a folder", "choose another path"), finding(queue(file)))

	// A relative path begins at the working directory of the collector.
	p := queue("target")
	p.source.process.directory = folder
	assert.Equal(t, ok(QueueFolder, filepath.Join(folder, "target")+" can be written by the collector"), finding(p))
	assert.Equal(t, ok(QueueFolder, "target does not exist yet; the collector creates it"), finding(queue("target")))
}

// The folder must be that of the collector's user, or open to all.
func TestQueueOwner(t *testing.T) {
	folder := t.TempDir()
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		require.NoError(t, os.Chown(folder, owner, -1))
	}
	finding := func(uid int, mode os.FileMode) Finding {
		require.NoError(t, os.Chmod(folder, mode))
		return (&patient{source: source{process: process{pid: 1, uid: uid}}}).folderFinding(folder)
	}
	assert.Equal(t, OK, finding(owner, 0o700).Status)
	assert.Equal(t, OK, finding(owner+1, 0o777).Status)
	assert.Equal(t, failed(QueueFolder, fmt.Sprintf("%s belongs to uid %d, and the collector runs as uid %d", folder, owner, owner+1),
		fmt.Sprintf("chown -R %d %s, or set OTELCOL_QUEUE_DIRECTORY to a folder that it can write", owner+1, folder)), finding(owner+1, 0o700))
}

// What the collector's validation prints is without the keys of the configuration and
// the secrets of the environment.
func TestValidationIsRedacted(t *testing.T) {
	t.Setenv("PROXY_PASSWORD", "PASSWORDOFTHEPROXY")
	program := filepath.Join(t.TempDir(), "collector")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho 'Error: bad KEYOFTHESECOND, PASSWORDOFTHEPROXY'\nexit 1\n"), 0o700)) //nolint:gosec // a program
	configuration := "yaml:{exporters: {oci_apm/2: {data_key: KEYOFTHESECOND}}, service: {pipelines: {traces: {exporters: [oci_apm]}}}}"
	report := Run(t.Context(), Options{Program: program, Configs: []string{configuration}, OTLP: unused(t), Wait: time.Second})
	assert.Equal(t, failed(Configuration, "bad [redacted], [redacted]", ""), report.Findings[0])
	assert.Equal(t, "Configuration: yaml:…", report.Subject)
}

func TestNamedProgram(t *testing.T) {
	folder := t.TempDir()
	p := &patient{options: Options{Program: folder}, source: source{configs: []string{"yaml:service: {}"}}, variables: &variables{}, secrets: &secrets{}}
	assert.Equal(t, []Finding{failed(Configuration, "--collector: "+folder+" is not a program", "correct the path; without the flag, the collector is searched for")},
		configurationCheck{}.run(t.Context(), p))
}

func TestUnreadableConfiguration(t *testing.T) {
	p := &patient{source: source{configs: []string{"/nowhere.yaml"}}, variables: &variables{}, secrets: &secrets{}}
	assert.Equal(t, failed(Configuration, "the configuration /nowhere.yaml does not exist: correct --config", ""), withoutAdvice(configurationCheck{}.run(t.Context(), p)[0]))
	assert.Equal(t, []Finding{skipped(Variables, "the configuration cannot be read")}, variablesCheck{}.run(t.Context(), p))
}

func withoutAdvice(f Finding) Finding { f.Advice = ""; return f }
