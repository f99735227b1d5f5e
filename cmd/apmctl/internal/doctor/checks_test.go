// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

// answering returns the address of a server that answers with a status and a body.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// unused returns an address where nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestCollectorCheck(t *testing.T) {
	finding := func(address string) (Finding, *patient) {
		p := patientOf(t, "extensions: {health_check: {endpoint: '"+address+"'}}\nservice: {extensions: [health_check], pipelines: {}}")
		return collectorCheck{}.run(t.Context(), p)[0], p
	}
	good, p := finding(answering(t, http.StatusOK, ""))
	assert.Equal(t, OK, good.Status)
	assert.True(t, p.running.healthy)
	bad, p := finding(answering(t, http.StatusServiceUnavailable, ""))
	assert.Contains(t, bad.Text, "answers 503 Service Unavailable")
	assert.Equal(t, Failed, bad.Status)
	assert.False(t, p.running.healthy)
	missing, p := finding(unused(t))
	assert.Contains(t, missing.Text, "does not run: nothing answers at 127.0.0.1:")
	assert.False(t, p.running.healthy)
}

// A port can be the collector's, another process's, or nobody's.
func TestPortsCheck(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	ports := func(address string, r running) []Finding {
		p := patientOf(t, "receivers: {otlp: {protocols: {http: {endpoint: '"+address+"'}}}}\nservice: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp]}}}")
		p.running = r
		return portsCheck{}.run(t.Context(), p)
	}
	taken := listener.Addr().String()
	assert.Equal(t, []Finding{ok(Ports, "OTLP over HTTP on "+taken)}, ports(taken, running{healthy: true, pid: os.Getpid()}))
	for _, r := range []running{{}, {healthy: true, pid: 1}} {
		found := ports(taken, r)
		require.Len(t, found, 1)
		assert.Equal(t, Failed, found[0].Status, r)
		assert.Contains(t, found[0].Text, taken+" is already in use by ")
	}
	free := unused(t)
	assert.Equal(t, []Finding{ok(Ports, "all are free")}, ports(free, running{}))
	assert.Equal(t, []Finding{failed(Ports, "nothing listens on "+free+" (OTLP over HTTP), though the collector runs",
		"it runs with another configuration: pass that one with --config, or restart it")}, ports(free, running{healthy: true}))
	assert.Equal(t, []Finding{ok(Ports, "all are free")}, ports("127.0.0.1:0", running{healthy: true}), "any port is right")
}

func TestHolds(t *testing.T) {
	r := running{healthy: true, pid: 7}
	assert.True(t, r.holds("renamed", 7, true))
	assert.True(t, r.holds("otelcol-ociapm", 8, true), "a process whose id is another in its container")
	assert.False(t, r.holds("java", 8, true))
	assert.True(t, r.holds("", 0, false), "another user's process")
	assert.False(t, running{}.holds("", 0, false))
}

func TestVariablesCheck(t *testing.T) {
	t.Setenv("DOCTOR_TEST_SET", "x")
	v := &variables{}
	for _, uri := range []string{"env:DOCTOR_TEST_SET", "env:DOCTOR_TEST_UNSET", "env:DOCTOR_TEST_DEFAULT:-1", "env:DOCTOR_TEST_UNSET"} {
		v.note(uri)
	}
	assert.Equal(t, []string{"DOCTOR_TEST_SET", "DOCTOR_TEST_UNSET", "DOCTOR_TEST_DEFAULT"}, v.read)
	assert.Equal(t, []string{"DOCTOR_TEST_UNSET"}, v.unset)
	p := &patient{settings: &settings{}, variables: v}
	finding := func() Finding { return variablesCheck{}.run(t.Context(), p)[0] }
	assert.Equal(t, failed(Variables, "not set: DOCTOR_TEST_UNSET", "export them in the shell that starts the collector"), finding())
	p.source.packaged = true
	assert.Equal(t, "set them in /etc/otelcol-ociapm/otelcol-ociapm.env", finding().Advice)
	v.unset, v.problems = nil, []string{"entry 2 is ignored"}
	assert.Equal(t, "entry 2 is ignored", finding().Text)
	assert.Equal(t, Failed, finding().Status)
	v.problems = nil
	assert.Equal(t, OK, finding().Status)
	v.read = nil
	assert.Equal(t, Skipped, finding().Status)
}

func TestPipelinesCheck(t *testing.T) {
	for want, pipelines := range map[string]string{
		"no pipeline of traces ends in oci_apm":                                    "{metrics: {exporters: [oci_apm]}}",
		"no pipeline has the exporter oci_apm":                                     "{traces: {exporters: [debug]}}",
		"traces go to otlp/gateway: run apmctl doctor also on the collector there": "{traces: {exporters: [debug, otlp/gateway]}}",
		"the pipeline traces/2 lacks peer_service: APM":                            "{traces/2: {processors: [db_span_enricher/mine], exporters: [oci_apm]}}",
		"the pipeline traces lacks db_span_enricher and peer_service: APM":         "{traces: {exporters: [oci_apm]}}",
		"traces pass db_span_enricher and peer_service to oci_apm":                 "{traces: {processors: [dbspanenricher, peerservice], exporters: [oci_apm]}}",
	} {
		found := pipelinesCheck{}.run(t.Context(), patientOf(t, "service: {pipelines: "+pipelines+"}"))
		require.Len(t, found, 1)
		assert.Contains(t, found[0].Text, want)
	}
}

func TestConfigurationFinding(t *testing.T) {
	assert.Equal(t, failed(Configuration, "the folder (a, b)", "give access"), withoutParenthesis(configurationFinding("the folder (a, b): give access")))
	assert.Equal(t, failed(Configuration, "endpoint is empty", "write it"), configurationFinding("endpoint is empty; write it"))
	assert.Equal(t, failed(Configuration, "one; two; three", ""), configurationFinding("one; two\nthree"))
	assert.Equal(t, failed(Configuration, "short", ""), configurationFinding("short"))
}

// withoutParenthesis ends a text with the parenthesis that it was cut at.
func withoutParenthesis(f Finding) Finding {
	f.Text = strings.TrimSuffix(f.Text, ")") + ")"
	return f
}

func TestQueueFindings(t *testing.T) {
	assert.Equal(t, ok(QueueSpace, "32 MiB are free"), spaceFinding("/q", minFree))
	assert.Equal(t, "the disk of /q is full: 31 MiB are free", spaceFinding("/q", minFree-1).Text)
	assert.Equal(t, Failed, spaceFinding("/q", 0).Status)
	for bytes, want := range map[int64]string{0: "0 KiB", 1: "1 KiB", 1 << 20: "1 MiB", 1<<30 - 1: "1023 MiB", 3 << 29: "1.5 GiB"} {
		assert.Equal(t, want, size(bytes))
	}
	assert.Equal(t, ok(QueueContent, "empty"), contentFinding([]queuestorageextension.Queue{{}}))
	early := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got := contentFinding([]queuestorageextension.Queue{{Items: 2, Bytes: 1500, Before: early.Add(time.Hour)}, {Items: 1, Bytes: 600, Before: early}, {Items: 1}})
	assert.Equal(t, failed(QueueContent, "4 requests (3 KiB) wait on disk, the oldest since 2026-01-02T03:04:05Z or earlier", "start the collector: it uploads them"), got)
}

// The lock is only looked at: afterwards it is as before.
func TestQueueLock(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, queuestorageextension.LockFile)
	p := &patient{}
	unusedFolder := ok(QueueLock, "no collector uses the folder")
	assert.Equal(t, unusedFolder, p.lockFinding(folder))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	assert.Equal(t, unusedFolder, p.lockFinding(folder))
	lock := flock.New(path)
	taken, err := lock.TryLock()
	require.NoError(t, err)
	require.True(t, taken, "the doctor has kept the lock")
	defer func() { assert.NoError(t, lock.Close()) }()
	assert.False(t, lockFree(path))
	assert.Contains(t, p.lockFinding(folder).Text, "uses the folder")
	assert.Equal(t, OK, p.lockFinding(folder).Status)
	p.source.process.pid = os.Getpid()
	assert.Equal(t, OK, p.lockFinding(folder).Status)
	p.source.process.pid = os.Getpid() + 1
	assert.Equal(t, Failed, p.lockFinding(folder).Status, "another collector has it")

	q := patientOf(t, "exporters: {oci_apm: {sending_queue: {storage: queue_storage}}}\nextensions: {queue_storage: {directory: "+folder+"}}\nservice: {pipelines: {traces: {exporters: [oci_apm]}}}")
	assert.Equal(t, []Finding{skipped(QueueContent, "the folder is in use, and the collector's metrics cannot be read")}, queueContentCheck{}.run(t.Context(), q))
}

func TestClockFinding(t *testing.T) {
	now := time.Now()
	assert.Equal(t, Skipped, clockFinding(time.Time{}).Status)
	assert.Equal(t, OK, clockFinding(now.Add(-50*time.Second)).Status)
	assert.Equal(t, OK, clockFinding(now.Add(50*time.Second)).Status)
	assert.Contains(t, clockFinding(now.Add(-10*time.Minute)).Text, "10m0s ahead of the endpoint's")
	assert.Contains(t, clockFinding(now.Add(10*time.Minute)).Text, "10m0s behind the endpoint's")
	assert.Equal(t, Failed, clockFinding(now.Add(-2*time.Minute)).Status)
}

// The answers for the two types of key and for the signals say what the key is.
func TestKeyType(t *testing.T) {
	accepts := func(paths ...string) *patient {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, path := range paths {
				if strings.HasSuffix(r.URL.Path, path) {
					w.Header().Set("Content-Type", "application/x-protobuf")
					return
				}
			}
			w.WriteHeader(http.StatusForbidden)
		}))
		t.Cleanup(server.Close)
		return patientOf(t, `
exporters: {oci_apm: {endpoint: "`+server.URL+`", data_key: KEY0123456789, retry_on_failure: {enabled: false}}}
service: {pipelines: {traces: {exporters: [oci_apm]}, metrics: {exporters: [oci_apm]}}}
`)
	}
	keyType := func(p *patient) Finding {
		for _, f := range (uploadCheck{}).run(t.Context(), p) {
			if f.ID == KeyType {
				return f
			}
		}
		return Finding{}
	}
	assert.Equal(t, ok(KeyType, "private"), keyType(accepts("/traces", "/metrics")))
	assert.Contains(t, keyType(accepts("/v1/traces")).Text, "no metrics or logs: it is a public key")
	assert.Equal(t, "it is the domain's public data key", keyType(accepts("/public/v1/traces")).Text)
	assert.Contains(t, keyType(accepts()).Text, "neither as a private nor as a public one")
	p := accepts("opentelemetry/v1/traces", "private/v1/traces")
	p.settings.exporter.DataKeyType = ociapmexporter.DataKeyTypePublic
	p.settings.pipelines = p.settings.pipelines[1:] // traces only
	assert.Equal(t, failed(KeyType, "it is a private data key, and data_key_type is public", "remove data_key_type"), keyType(p))
	p = accepts("public/v1/traces")
	p.settings.exporter.DataKeyType = ociapmexporter.DataKeyTypePublic
	p.settings.pipelines = p.settings.pipelines[1:]
	assert.Equal(t, ok(KeyType, "public, for traces only"), keyType(p))
}

// What the test trace has in APM.
func TestSpanFindings(t *testing.T) {
	yes, no := true, false
	complete := map[string]string{"db.system": "a", "db.statement": "b", "db.operation": "c", "peer.service": "d"}
	for name, tt := range map[string]struct {
		span                  readSpan
		names, database, rule Status
	}{
		"complete":     {readSpan{tags: complete, converted: &yes}, OK, OK, OK},
		"not seen":     {readSpan{tags: complete}, OK, OK, Skipped},
		"rule off":     {readSpan{tags: complete, converted: &no}, OK, Failed, Failed},
		"apm's names":  {readSpan{tags: map[string]string{"DbSystem": "a", "DbStatement": "b", "DbOperation": "c", "PeerService": "d"}, converted: &yes}, OK, OK, OK},
		"no name":      {readSpan{tags: map[string]string{"db.system": "a", "db.statement": "b", "db.operation": "c"}}, Failed, Failed, Skipped},
		"no statement": {readSpan{tags: map[string]string{"db.system": "a", "db.operation": "c", "peer.service": "d"}, converted: &yes}, Failed, OK, OK},
	} {
		t.Run(name, func(t *testing.T) {
			found := tt.span.findings()
			require.Len(t, found, 3)
			assert.Equal(t, []Status{tt.names, tt.database, tt.rule}, []Status{found[0].Status, found[1].Status, found[2].Status})
		})
	}
	assert.Equal(t, "the database call lacks db.system, db.statement, db.operation, peer.service", (&readSpan{}).findings()[0].Text)
}

type fakeReader struct{ errs []error }

func (*fakeReader) String() string { return "the fake" }
func (*fakeReader) close()         {}

func (r *fakeReader) read(context.Context, pcommon.TraceID) (*readSpan, error) {
	if len(r.errs) == 0 {
		return nil, nil
	}
	err := r.errs[0]
	r.errs = r.errs[1:]
	if err == nil {
		return &readSpan{}, nil
	}
	return nil, err
}

// A trace may take its time. An error that stays the same ends the wait.
func TestAwait(t *testing.T) {
	p := &patient{options: Options{Wait: 10 * time.Second}}
	later := &ociauth.Error{Kind: ociauth.KindNotAllowed}
	_, err := p.await(t.Context(), &fakeReader{errs: []error{later, errors.New("broken"), nil}}, pcommon.TraceID{})
	require.NoError(t, err)
	final := &ociauth.Error{Kind: ociauth.KindRejected}
	reader := &fakeReader{errs: []error{final, nil}}
	_, err = p.await(t.Context(), reader, pcommon.TraceID{})
	require.ErrorIs(t, err, final)
	assert.Len(t, reader.errs, 1)

	p.options.Wait = 50 * time.Millisecond
	_, err = p.await(t.Context(), &fakeReader{}, pcommon.TraceID{})
	require.EqualError(t, err, "the fake does not have the trace after 50ms")
	_, err = p.await(t.Context(), &fakeReader{errs: []error{errors.New("not allowed")}}, pcommon.TraceID{})
	require.EqualError(t, err, "the fake does not have the trace after 50ms: not allowed")
}

// Only the database call of the trace is read, and only a sandbox is asked.
func TestSandboxReader(t *testing.T) {
	address := answering(t, http.StatusOK, `{"name": "apmsandbox", "spans": [
		{"kind": "SERVER", "attributes": {"db.system": "not this"}}, {"kind": "CLIENT", "attributes": {"db.system": "postgresql"}}]}`)
	span, err := sandboxReader{base: "http://" + address}.read(t.Context(), pcommon.TraceID{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"db.system": "postgresql"}, span.tags)
	p := patientOf(t, "exporters: {oci_apm: {endpoint: 'http://"+address+"'}}\nservice: {pipelines: {traces: {exporters: [oci_apm]}}}")
	assert.Equal(t, "http://"+address, p.sandboxURL(t.Context()))
	for _, other := range []string{answering(t, http.StatusOK, `{"name": "another"}`), answering(t, http.StatusNotFound, `{"name": "apmsandbox"}`)} {
		p.settings.exporter.ClientConfig.Endpoint = "http://" + other
		assert.Empty(t, p.sandboxURL(t.Context()))
	}
	p.settings.exporter = nil
}

// What does not accept the test trace is named with its answer.
func TestPostTrace(t *testing.T) {
	_, traces := testTrace()
	require.NoError(t, postTrace(t.Context(), answering(t, http.StatusOK, ""), traces))
	require.EqualError(t, postTrace(t.Context(), answering(t, http.StatusServiceUnavailable, ""), traces), "it answers 503 Service Unavailable")
	require.EqualError(t, postTrace(t.Context(), unused(t), traces), "connection refused")

	p := patientOf(t, "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:1', tls: {cert_file: a}}, grpc: {endpoint: '127.0.0.1:1', auth: {authenticator: a}}}}}\nservice: {pipelines: {traces: {receivers: [otlp]}}}")
	where, err := p.sendTrace(t.Context(), traces)
	require.NoError(t, err)
	assert.Empty(t, where, "TLS and authentication are left alone")
}
