// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const topic = "ocid1.onstopic.oc1.phx.aaaaaaaasandbox"

// domain is an emulated OCI with an APM domain to set up.
type domain struct {
	t       *testing.T
	server  *ocisandbox.Server
	uploads *apm.Server
	options Options // complete ones

	// onWrite is called before each request that changes something.
	onWrite *atomic.Pointer[func()]
}

// newDomain starts an emulated OCI with an empty domain. Until the end of the test, the
// program's requests go there.
func newDomain(t *testing.T) *domain {
	t.Helper()
	uploads, err := apm.New(apm.DefaultConfig(), zap.NewNop())
	require.NoError(t, err)
	server, err := ocisandbox.Start(t.Context(), ocisandbox.Config{EmptyDomain: true}, uploads, zap.NewNop())
	require.NoError(t, err)
	file, err := server.WriteConfigFile(t.TempDir())
	require.NoError(t, err)
	d := &domain{t: t, server: server, uploads: uploads, onWrite: &atomic.Pointer[func()]{}, options: Options{
		DomainID: server.DomainID(), UserAgent: "apmctl/test",
		Auth:      ociauth.Config{Type: ociauth.TypeConfigFile, ConfigFile: file.Path},
		Databases: []Database{{Name: "ORCL", ID: "ocid1.database.oc1.phx.aaaaaaaasandbox"}},
		LogGroup:  DefaultLogGroup, AlarmTopics: []string{topic}, AlarmQuery: DefaultAlarmQuery,
	}}
	// The identity copies the default transport.
	transport := server.NewTransport()
	proxy := transport.Proxy
	transport.Proxy = func(r *http.Request) (address *url.URL, err error) {
		if call := d.onWrite.Load(); call != nil && r.Method != http.MethodGet && r.Header.Get("opc-dry-run") == "" {
			(*call)()
			if err := r.Context().Err(); err != nil {
				return nil, err // the transport alone may still send it
			}
		}
		return proxy(r)
	}
	before := http.DefaultTransport
	http.DefaultTransport = transport
	t.Cleanup(func() {
		http.DefaultTransport = before
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
	})
	return d
}

// in returns the domain for a subtest.
func (d *domain) in(t *testing.T) *domain {
	other := *d
	other.t = t
	return &other
}

// empty empties the domain for a subtest.
func (d *domain) empty(t *testing.T) *domain {
	t.Helper()
	d.server.EmptyDomain()
	return d.in(t)
}

// run runs the setup and returns its output.
func (d *domain) run(options Options) (Summary, string) {
	d.t.Helper()
	var out strings.Builder
	summary, err := Run(d.t.Context(), options, &out)
	require.NoError(d.t, err)
	return summary, out.String()
}

// apply carries the setup out.
func (d *domain) apply(change ...func(*Options)) (Summary, string) {
	d.t.Helper()
	options := d.options
	options.Apply = true
	for _, c := range change {
		c(&options)
	}
	return d.run(options)
}

// setup returns the setup for direct calls.
func (d *domain) setup() *Setup {
	d.t.Helper()
	c, err := newClients(d.t.Context(), d.options)
	require.NoError(d.t, err)
	d.t.Cleanup(c.close)
	return &Setup{options: d.options, clients: c, out: &strings.Builder{}, compartment: d.server.CompartmentID()}
}

// requireComplete requires that another run has nothing to do.
func (d *domain) requireComplete() {
	d.t.Helper()
	writes := d.writes()
	summary, out := d.apply()
	assert.Zero(d.t, summary.Changes+summary.Failed+summary.Differing+summary.LeftOut+summary.ToDo, out)
	assert.Contains(d.t, out, "Nothing to change.")
	// Activation is the only way to learn which attributes are active.
	assert.Equal(d.t, writes, d.writes())
}

// writes counts the successful requests that changed something.
func (d *domain) writes() int {
	n := 0
	for _, operation := range []ocisandbox.Operation{
		"GenerateDataKeys", "PutToggleAutoActivate", "CreateConfig", "UpdateConfig", "DeleteConfig",
		"CreateLogGroup", "CreateLog", "UpdateLog", "CreateAlarm", "UpdateAlarm",
	} {
		n += d.server.Count(operation, 200) + d.server.Count(operation, 202)
	}
	return n
}

// statuses returns the status of each step.
func statuses(summary Summary) map[string]Status {
	byStep := map[string]Status{}
	for _, result := range summary.Results {
		byStep[result.Step] = result.Status
	}
	return byStep
}

// result returns the result of a step.
func (d *domain) result(summary Summary, step string) Result {
	d.t.Helper()
	for _, result := range summary.Results {
		if result.Step == step {
			return result
		}
	}
	require.Fail(d.t, "no such step", step)
	return Result{}
}

// crashing returns a context that is canceled before the third request that changes
// something, and the function to call before each. The first is often the activation of
// attributes.
func crashing(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var count atomic.Int64
	return ctx, func() {
		if count.Add(1) > 2 {
			cancel()
		}
	}
}

// upload sends a call to a database that has a name, in a trace of its own.
func (d *domain) upload(id byte) {
	d.t.Helper()
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty()
	spans.Resource().Attributes().PutStr("service.name", "shop")
	span := spans.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{id})
	span.SetSpanID(pcommon.SpanID{id})
	span.SetKind(ptrace.SpanKindClient)
	span.SetName("SELECT orders")
	span.Attributes().PutStr("db.system", "oracle")
	span.Attributes().PutStr("peer.service", "orders-db")
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	require.NoError(d.t, err)
	request := httptest.NewRequestWithContext(d.t.Context(), http.MethodPost, apm.TracesPath, bytes.NewReader(body))
	request.Header.Set("Authorization", "dataKey "+apm.DefaultPrivateKey)
	request.Header.Set("Content-Type", "application/x-protobuf")
	recorder := httptest.NewRecorder()
	d.uploads.Handler().ServeHTTP(recorder, request)
	require.Equal(d.t, http.StatusOK, recorder.Code, recorder.Body)
}
