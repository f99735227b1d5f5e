// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// The variables that name a real domain: endpoint and keys for uploads; its OCID, and a
// profile of the OCI configuration file, to read back. Without any, the sandbox is asked.
const (
	endpointVariable  = "TEST_APM_ENDPOINT"
	keyVariable       = "TEST_APM_DATA_KEY"
	publicKeyVariable = "TEST_APM_PUBLIC_DATA_KEY"
	domainVariable    = "TEST_APM_DOMAIN_ID"
	profileVariable   = "TEST_OCI_PROFILE"
	fileVariable      = "TEST_OCI_CONFIG_FILE"
)

const (
	privatePath = "/20200101/opentelemetry/private/v1/traces"
	barePath    = "/20200101/opentelemetry/v1/traces"
	publicPath  = "/20200101/opentelemetry/public/v1/traces"
	metricsPath = "/20200101/opentelemetry/v1/metrics"
	logsPath    = "/20200101/opentelemetry/v1/logs"

	wrongKey = "WRONGKEY0123456789ABCDEFGHIJKLMN"
	// tooLarge is the answer to a body that is too large: the server need not read the
	// rest of it, and the client may notice only the closed connection.
	tooLarge = "413 or closed connection"
	noAnswer = "no answer"
	// notAsked is the answer to a question for which something is not given.
	notAsked = "not asked"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// subject is the domain that is asked.
type subject struct {
	endpoint, key, publicKey string
	client                   *http.Client
	services                 *services // nil without an OCID
	real                     bool
	wait                     time.Duration // for a trace to arrive
}

// question is one thing to find out.
type question struct {
	text    string
	assumed string // what the sandbox answers, and documents as an assumption or a fact
	ask     func(t *testing.T, s *subject) string
}

func questions() []question {
	all := []question{
		{"empty traces, bare path, private key", "200", upload(barePath, private, nil)},
		{"empty traces, private path, private key", "200", upload(privatePath, private, nil)},
		{"empty traces, public path, public key", "200", upload(publicPath, public, nil)},
		{"empty metrics, private key", "200", upload(metricsPath, private, emptyMetrics)},
		{"empty logs, private key", "200", upload(logsPath, private, emptyLogs)},
		{"wrong key", "401", upload(barePath, wrong, nil)},
		{"no key", "401", upload(barePath, none, nil)},
		{"public key, bare path", "403", upload(barePath, public, nil)},
		{"private key, public path", "403", upload(publicPath, private, nil)},
		{"metrics, public key", "403", upload(metricsPath, public, emptyMetrics)},
		{"wrong path", "404", upload("/v1/traces", private, nil)},
		{"trailing slash", "404", upload(barePath+"/", private, nil)},
		{"query parameter", "400", upload(barePath+"?a=b", private, nil)},
		{"not OTLP", "400", upload(barePath, private, func() []byte { return []byte("not OTLP") })},
		{"body of 1 MB", "200", upload(barePath, private, func() []byte { return sized(1 << 20) })},
		{"body of 5 MB", "200", upload(barePath, private, func() []byte { return sized(5 << 20) })},
		{"body of 20 MB", tooLarge, uploadTooLarge},
	}
	for _, age := range []time.Duration{0, 6 * time.Hour, 25 * time.Hour, 8 * 24 * time.Hour} {
		all = append(all, question{fmt.Sprintf("span of %s ago, read back", age), "200, found", readBack(age)})
	}
	return append(all,
		question{"the rule's names, by apm-config's Test", mapping, testRule},
		question{"dimensions of SpanIngestions", "none", dimensions})
}

// TestDomain asks all questions. The sandbox must answer as assumed. What a real domain
// answers differently is printed, and is no failure.
func TestDomain(t *testing.T) {
	s := newSubject(t)
	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(columns, "\tquestion\tassumed\tanswer")
	differences := 0
	for _, q := range questions() {
		answer := q.ask(t, s)
		mark := ""
		if answer != q.assumed && answer != notAsked {
			mark = "≠"
			differences++
		}
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", mark, q.text, q.assumed, answer)
		if !s.real {
			assert.Equal(t, q.assumed, answer, q.text)
		}
	}
	require.NoError(t, columns.Flush())
	if s.real {
		t.Logf("the domain differs from what the sandbox assumes in %d answers:\n%s", differences, &table)
	}
}

// newSubject returns the domain in the environment, or else a sandbox.
func newSubject(t *testing.T) *subject {
	t.Helper()
	s := &subject{
		endpoint: strings.TrimSuffix(os.Getenv(endpointVariable), "/"), key: os.Getenv(keyVariable), publicKey: os.Getenv(publicKeyVariable),
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}},
		real:   true, wait: 5 * time.Minute,
	}
	if id := os.Getenv(domainVariable); id != "" {
		s.services = newServices(t, id, os.Getenv(fileVariable), os.Getenv(profileVariable), nil)
	}
	if s.endpoint != "" || s.services != nil {
		s.discover(t)
		return s
	}
	config := apm.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	uploads, err := apm.New(config, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, uploads.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, uploads.Shutdown(context.Background())) })
	cloud, err := oci.Start(t.Context(), oci.Config{Listen: "127.0.0.1:0"}, uploads, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	file, err := cloud.WriteConfigFile(t.TempDir())
	require.NoError(t, err)
	transport := cloud.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	s.endpoint, s.key, s.publicKey = uploads.URL(), config.PrivateKey, config.PublicKey
	s.services = newServices(t, cloud.DomainID(), file.Path, "", &http.Client{Transport: transport})
	s.real, s.wait = false, 10*time.Second
	return s
}

// The keys of uploads.
func private(s *subject) string { return s.key }
func public(s *subject) string  { return s.publicKey }
func wrong(*subject) string     { return wrongKey }
func none(*subject) string      { return "" }

func emptyMetrics() []byte { return encoded(pmetricotlp.NewExportRequest().MarshalProto()) }
func emptyLogs() []byte    { return encoded(plogotlp.NewExportRequest().MarshalProto()) }

func encoded(body []byte, err error) []byte {
	if err != nil {
		panic(err) // an empty request can always be encoded
	}
	return body
}

// upload returns a question that uploads a body. No body is an empty one.
func upload(path string, key func(*subject) string, body func() []byte) func(*testing.T, *subject) string {
	return func(t *testing.T, s *subject) string {
		t.Helper()
		given := key(s)
		if given == "" && s.publicKey == "" && strings.Contains(path, "public") {
			return notAsked
		}
		var content []byte
		if body != nil {
			content = body()
		}
		return s.post(t, path, given, content)
	}
}

func uploadTooLarge(t *testing.T, s *subject) string {
	t.Helper()
	answer := s.post(t, barePath, s.key, sized(20<<20))
	if answer == "413" || answer == noAnswer {
		return tooLarge
	}
	return answer
}

// post uploads a body and returns the status of the answer.
func (s *subject) post(t *testing.T, path, key string, body []byte) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.endpoint+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	if key != "" {
		req.Header.Set("Authorization", "dataKey "+key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return noAnswer
	}
	defer resp.Body.Close()
	return strconv.Itoa(resp.StatusCode)
}

// spanOf returns a request with one database call that started a while ago. Its
// attributes are those whose names APM needs.
func spanOf(age time.Duration) (pcommon.TraceID, ptrace.Span, ptraceotlp.ExportRequest) {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "test-domain")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	var id pcommon.TraceID
	var spanID pcommon.SpanID
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(spanID[:])
	span.SetTraceID(id)
	span.SetSpanID(spanID)
	span.SetName("SELECT")
	span.SetKind(ptrace.SpanKindClient)
	start := time.Now().Add(-age)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(10 * time.Millisecond)))
	for _, pair := range strings.Split(mapping, ", ") {
		name, _, _ := strings.Cut(pair, " ")
		span.Attributes().PutStr(name, "test-domain")
	}
	return id, span, ptraceotlp.NewExportRequestFromTraces(traces)
}

// sized returns a request of about as many bytes.
func sized(bytes int) []byte {
	_, span, req := spanOf(0)
	span.Attributes().PutStr("padding", strings.Repeat("x", bytes))
	return encoded(req.MarshalProto())
}

// readBack returns a question that uploads a span and reads it with GetTrace.
func readBack(age time.Duration) func(*testing.T, *subject) string {
	return func(t *testing.T, s *subject) string {
		t.Helper()
		id, _, req := spanOf(age)
		status := s.post(t, barePath, s.key, encoded(req.MarshalProto()))
		if s.services == nil || status != "200" {
			return status
		}
		started := time.Now()
		if !s.services.awaitTrace(t, id.String(), s.wait) {
			return status + ", not found"
		}
		if s.real {
			t.Logf("a span of %s ago is found %s after its upload", age, time.Since(started).Round(time.Second))
		}
		return status + ", found"
	}
}
