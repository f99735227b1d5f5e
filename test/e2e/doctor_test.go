// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

var update = flag.Bool("update", false, "write the outputs of apmctl doctor as what is expected")

// Each finding of apmctl doctor, provoked on purpose.
func TestDoctor(t *testing.T) {
	t.Parallel()
	const noDB = "service: {pipelines: {traces: {processors: [memory_limiter, resource_detection]}}}"
	for name, prepare := range map[string]func(t *testing.T) (p *patient, arguments []string){
		"all-right": func(t *testing.T) (*patient, []string) {
			status := harness.FreeAddress(t)
			p := newPatient(t, harness.CollectorOptions{Overrides: "extensions: {healthcheckv2: {http: {endpoint: '" + status + "'}}}"})
			p.names[status] = "STATUS"
			p.sendOne(t)
			p.environment = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + p.collector.HTTP, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
			return p, nil
		},
		"wrong-key": func(t *testing.T) (*patient, []string) {
			return newPatient(t, harness.CollectorOptions{DataKey: "WRONGKEY0123456789ABCDEFGHIJ"}), nil
		},
		"public-key": func(t *testing.T) (*patient, []string) {
			return newPatient(t, harness.CollectorOptions{DataKey: harness.PublicKey}), nil
		},
		"wrong-path": func(t *testing.T) (*patient, []string) {
			server := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			return newPatient(t, harness.CollectorOptions{Endpoint: server.URL}), nil
		},
		"proxy-refuses": func(t *testing.T) (*patient, []string) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
			t.Cleanup(proxy.Close)
			address := strings.TrimPrefix(proxy.URL, "http://")
			p := newPatient(t, harness.CollectorOptions{
				Endpoint: "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", Overrides: "exporters: {oci_apm: {proxy_url: 'http://operator:PROXYPASSWORD0123@" + address + "'}}",
			})
			p.names[address] = "PROXY"
			return p, nil
		},
		"self-signed": func(t *testing.T) (*patient, []string) {
			server := httptest.NewTLSServer(http.NotFoundHandler())
			server.Config.ErrorLog, _ = zap.NewStdLogAt(zap.NewNop(), zap.DebugLevel)
			t.Cleanup(server.Close)
			return newPatient(t, harness.CollectorOptions{Endpoint: server.URL}), nil
		},
		"clock": func(t *testing.T) (*patient, []string) {
			sandbox := harness.StartSandbox(t)
			server := reverse(t, sandbox, func(resp *http.Response) {
				resp.Header.Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
			})
			return newPatient(t, harness.CollectorOptions{Endpoint: server.URL}), nil
		},
		"apm-down": func(t *testing.T) (*patient, []string) {
			p := newPatient(t, harness.CollectorOptions{})
			p.sandbox.AddFault(t, apm.Fault{Status: 503})
			sendOne(t, p)
			return p, nil
		},
		"processors-left-out": func(t *testing.T) (*patient, []string) {
			return newPatient(t, harness.CollectorOptions{Overrides: noDB}), nil
		},
		"app-at-wrong-port": func(t *testing.T) (*patient, []string) {
			p := newPatient(t, harness.CollectorOptions{})
			app := exec.CommandContext(t.Context(), "sleep", "60")
			app.Env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + p.collector.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
			return p, []string{"--app-pid", strconv.Itoa(harness.Start(t, app).Pid())}
		},
		"wrong-host": stopped(func(_ *testing.T, s *stoppedCollector) {
			s.endpoint = "https://apm-trace.us-phoenix-1.oci.oraclecloud.com"
		}),
		"not-running":  stopped(func(*testing.T, *stoppedCollector) {}),
		"variables":    stopped(func(_ *testing.T, s *stoppedCollector) { s.endpoint = "" }),
		"another-user": stopped(anotherUser),
		"full-disk":    stopped(fullDisk),
		"port-taken": stopped(func(t *testing.T, s *stoppedCollector) {
			taken, err := net.Listen("tcp", s.http)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, taken.Close()) })
		}),
		"rule-off": func(t *testing.T) (*patient, []string) {
			p, cloud := newCloud(t, oci.Config{EmptyDomain: true}, "")
			return p, []string{"--apm-domain-id", cloud.DomainID(), "--config-file", p.configFile}
		},
		"no-permission": func(t *testing.T) (*patient, []string) {
			p, cloud := newCloud(t, oci.Config{}, "")
			require.NoError(t, cloud.DenyPermissions(oci.PermissionDomainRead))
			return p, []string{"--apm-domain-id", cloud.DomainID(), "--config-file", p.configFile, "--wait=2s"}
		},
		// Endpoint and key are OCI's answers, and so is the trace.
		"domain-id": func(t *testing.T) (*patient, []string) {
			p, _ := newCloud(t, oci.Config{}, filepath.Join(harness.Root(t), "test", "oci", "testdata", "collector.yaml"))
			return p, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, arguments := prepare(t)
			output, code := p.run(t, arguments...)
			want := 1
			if name == "all-right" {
				want = 0
				assert.NotRegexp(t, `(?m)^  ✗ `, output)
			}
			assert.Equal(t, want, code, output)
			p.requireGolden(t, name, output)
			requireReadable(t, output)
			for _, secret := range []string{harness.PrivateKey, harness.PublicKey, "WRONGKEY0123456789", "PROXYPASSWORD0123"} {
				assert.NotContains(t, output, secret)
			}
		})
	}
}

// requireReadable requires that lines fit 100 columns, unless a word does not, and that
// there is no color without a terminal.
func requireReadable(t *testing.T, output string) {
	t.Helper()
	assert.NotContains(t, output, "\x1b")
	for line := range strings.Lines(output) {
		if words := strings.Fields(line); len(words) > 1 && utf8.RuneCountInString(strings.TrimSpace(words[0])) < 60 {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 100, line)
		}
	}
}

// sendOne sends spans that APM does not accept, and waits until the exporter has tried.
func sendOne(t *testing.T, p *patient) {
	t.Helper()
	sender, err := otlpload.NewGRPCSender(p.collector.GRPC)
	require.NoError(t, err)
	load := otlpload.Start(t.Context(), otlpload.NewApp(1, sender, otlpload.Options{Pause: 20 * time.Millisecond}))
	// The check on startup may log the failure before a span has arrived.
	require.Eventually(t, func() bool { return load.Accepted() > 0 }, awaitTimeout, 50*time.Millisecond, "no span is accepted")
	p.collector.AwaitOutput(t, "Upload to OCI APM failed, will retry")
	load.Abort()
}

// The output for machines has the same findings, and the status of the worst.
func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	p := newPatient(t, harness.CollectorOptions{DataKey: "WRONGKEY0123456789ABCDEFGHIJ"})
	output, code := p.run(t, "--json")
	assert.Equal(t, 1, code)
	var report struct {
		Findings []struct{ ID, Status, Text, Advice string }
	}
	require.NoError(t, json.Unmarshal([]byte(output), &report))
	statuses := map[string]string{}
	for _, finding := range report.Findings {
		statuses[finding.ID] = finding.Status
		assert.NotEmpty(t, finding.Text, finding.ID)
	}
	assert.Equal(t, "failed", statuses["upload-traces"])
	assert.Equal(t, "ok", statuses["test-trace"])
	assert.Equal(t, "skipped", statuses["read-back"])
	assert.NotContains(t, output, "WRONGKEY")
}

// The doctor's check of a queue folder changes nothing in it.
func TestDoctorChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPatient(t, harness.CollectorOptions{})
	p.sandbox.AddFault(t, apm.Fault{Status: 503})
	sendOne(t, p)
	queue := ""
	for folder, name := range p.names {
		if name == "/queue" {
			queue = folder
		}
	}
	p.collector.Kill(t)
	before := contents(t, queue)
	p.arguments = []string{"--config", harness.ConfigFile(t, "agent.yaml"), "--config", harness.AddressesFile(t, p.collector.GRPC, p.collector.HTTP, p.collector.Health, p.collector.Metrics)}
	p.environment = []string{"APM_ENDPOINT=" + p.sandbox.URL, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + queue}
	output, _ := p.run(t)
	assert.Regexp(t, `✗ queue-content +\d+ requests \(\d+ KiB\) wait on disk, the oldest since \S+Z or\s+earlier`, output)
	assert.Equal(t, before, contents(t, queue))
}

// contents returns the files below a folder with their contents.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	}))
	return found
}
