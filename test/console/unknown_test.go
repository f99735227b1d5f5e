// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const withoutProcessors = `
service: {pipelines: {traces: {processors: [memory_limiter]}}}
`

// TestExternalUnknown disables the processors and then follows the console's advice
// literally.
func TestExternalUnknown(t *testing.T) {
	w := startWorld(t, withoutProcessors)
	b := startBrowser(t)
	w.traffic(t, 1)
	w.settle(t)
	p := b.open(t, w.sandbox.URL, desktop)
	p.goTo("topology")
	p.awaitText(".node.external_unknown", "External Unknown")
	p.awaitText(".unknown h3", "sqlite stayeasy")
	assert.Contains(t, p.text(".unknown article"), "peer_service processor sets it")
	p.requireAccessible("External Unknown")
	configuration := p.text(".unknown .code pre")
	assert.Contains(t, configuration, "- match: {db.namespace: stayeasy, db.system: sqlite}")

	p.goTo("check")
	p.awaitText("[data-check=peer_service].failed", "without peer.service")
	assert.Equal(t, configuration, p.text("[data-check=peer_service] pre"), "the same lines in both places")
	p.requireAccessible("a red mark")

	// Exactly these lines replace the override that disabled the processors.
	w.collector.Stop(t)
	require.NoError(t, os.WriteFile(w.collector.OverridesFile, []byte(configuration), 0o600))
	w.collector.Restart(t)
	p.goTo("deliveries")
	p.click("button", "Forget everything")
	p.click("button", "Forget all spans")
	w.traffic(t, 1)
	p.goTo("topology")
	p.awaitText(".node.database", "sqlite-stayeasy")
	// Spans from before the change may arrive late.
	require.Eventually(t, func() bool { return p.count(".node.external_unknown") == 0 }, 30*time.Second, 100*time.Millisecond)
}

// callsOfEveryKind are calls to callees that send no spans of their own. The database is
// at the address of one of them.
func callsOfEveryKind(t *testing.T) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	for i, attributes := range []map[string]any{
		{"http.request.method": "POST", "http.response.status_code": 200, "server.address": "payments.example.com", "server.port": 443},
		{"http.method": "GET", "http.status_code": 200, "net.peer.name": "shared.example.com"},
		{"http.method": "GET", "http.status_code": 200, "http.url": "http://rates.internal:8082/slow?s=1"},
		{"rpc.system": "grpc", "rpc.service": "shop.Cart", "server.address": "cart.internal"},
		{"rpc.system": "grpc", "rpc.service": "shop.Stock"},
		{"rpc.system.name": "grpc", "rpc.method": "shop.Price/Get"},
		{"messaging.system": "aws_sqs", "messaging.destination.name": "orders", "messaging.operation.type": "send"},
		{"db.system": "postgresql", "db.name": "hotel", "db.statement": "SELECT 1", "server.address": "shared.example.com"},
	} {
		spanSpec{service: "shop", name: fmt.Sprintf("call %d", i), kind: ptrace.SpanKindClient, trace: 1, id: byte(i + 1), end: 5, attributes: attributes}.addTo(t, td)
	}
	for _, spec := range []spanSpec{
		{service: "shop", name: "publish", kind: ptrace.SpanKindProducer, trace: 1, id: 20, end: 5},
		{service: "mailer", name: "process", kind: ptrace.SpanKindConsumer, trace: 2, id: 1, end: 5},
	} {
		spec.attributes = map[string]any{"messaging.system": "kafka", "messaging.destination.name": "mails"}
		spec.addTo(t, td)
	}
	return td
}

// TestExternalUnknownOfEveryKind pastes the console's lines into the collector's
// configuration for hosts, and gives them to it as another file.
func TestExternalUnknownOfEveryKind(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	options := harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey}
	tab := startBrowser(t).open(t, sandbox.URL, desktop)
	tab.goTo("topology")
	node := func(name, kind string) string { return name + " " + kind }
	external, database := "External", "Database"
	always := []string{
		node("shop", "Service"), node("mailer", "Service"), node("kafka:mails", "Queue or topic"), node("postgresql:hotel", database),
	}
	requireNodes := func(p *page, want ...string) {
		p.t.Helper()
		slices.Sort(want)
		var nodes []string
		found := assert.Eventually(p.t, func() bool {
			nodes = slices.DeleteFunc(p.names("button"), func(name string) bool {
				return !strings.HasSuffix(name, external) && !strings.HasSuffix(name, database) && !strings.HasSuffix(name, "Service") &&
					!strings.HasSuffix(name, "Queue or topic") && !strings.HasSuffix(name, "No peer.service")
			})
			slices.Sort(nodes)
			return slices.Equal(nodes, want)
		}, awaitTimeout, pollInterval)
		if !found {
			require.Equal(p.t, want, nodes)
		}
	}

	collector := harness.StartCollector(t, options)
	send(t, collector, "traces", ptraceotlp.NewExportRequestFromTraces(callsOfEveryKind(t)))
	requireNodes(tab, append(slices.Clone(always), node("External Unknown", "No peer.service"))...)
	collector.Stop(t)
	lines := tab.awaitRole("region", "Configuration that names them").text()
	tab.requireAccessible("External Unknown of every kind")

	tab.goTo("check")
	tab.awaitText("[data-check=peer_service].failed", "7 of 8 CLIENT spans without peer.service")
	assert.Equal(t, lines, tab.awaitRole("region", "What to write: peer.service").text(), "the same lines in both places")
	tab.awaitText("[data-check=database_statement].none", "Does this service use a database?")

	named := append(slices.Clone(always), node("payments.example.com", external), node("shared.example.com", external), node("rates.internal", external),
		node("cart.internal", external), node("shop.Stock", external), node("shop.Price", external), node("orders", external))
	shipped, err := os.ReadFile(filepath.Join(harness.Root(t), "config", "agent.yaml"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(shipped), "\n  peer_service:\n"))
	pasted := filepath.Join(t.TempDir(), "agent.yaml")
	require.NoError(t, os.WriteFile(pasted, []byte(strings.Replace(string(shipped), "\n  peer_service:\n", "\n"+strings.TrimPrefix(lines, "processors:\n"), 1)), 0o600))
	inFile, asFile := options, options
	inFile.Config, asFile.Overrides = pasted, lines
	for name, options := range map[string]harness.CollectorOptions{"in the file": inFile, "as another file": asFile} {
		t.Run(name, func(t *testing.T) {
			p := tab.in(t)
			p.goTo("deliveries")
			p.get("button", "Forget everything…").click()
			p.get("button", "Forget all spans, metrics and logs").click()
			collector := harness.StartCollector(t, options)
			send(t, collector, "traces", ptraceotlp.NewExportRequestFromTraces(callsOfEveryKind(t)))
			p.goTo("topology")
			requireNodes(p, named...)
			collector.Stop(t)
		})
	}
}

// TestRedChecks provokes each failed check once.
func TestRedChecks(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	for _, tc := range redChecks {
		td := ptrace.NewTraces()
		for _, spec := range tc.spans {
			spec.addTo(t, td)
		}
		upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
	}
	b := startBrowser(t)
	p := b.open(t, sandbox.URL, desktop)
	p.goTo("check")
	for _, tc := range redChecks {
		t.Run(tc.check, func(t *testing.T) {
			part := p.in(t)
			part.awaitText("[data-check="+tc.check+"].failed", tc.found)
			assert.Contains(t, part.text("[data-check="+tc.check+"].failed .todo"), tc.fix)
		})
	}
	b.requireAccessible(t, sandbox.URL, "check", "topology")
	p.click("[data-check=parents].failed .examples a", "orphan")
	p.awaitText(".note.warn", "The parent of one span is not here")
	p.awaitText(".panel h2", "orphan")
}

// spanSpec is a span of a test; times are in milliseconds from now.
type spanSpec struct {
	service    string
	name       string
	kind       ptrace.SpanKind
	trace, id  byte
	parent     byte
	start, end int
	attributes map[string]any
}

func (s spanSpec) addTo(t *testing.T, td ptrace.Traces) {
	t.Helper()
	resource := td.ResourceSpans().AppendEmpty()
	if s.service != "" {
		resource.Resource().Attributes().PutStr("service.name", s.service)
	}
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{15: s.trace})
	span.SetSpanID(pcommon.SpanID{7: s.id})
	if s.parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{7: s.parent})
	}
	span.SetName(s.name)
	span.SetKind(s.kind)
	base := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(base.Add(time.Duration(s.start) * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(base.Add(time.Duration(s.end) * time.Millisecond)))
	require.NoError(t, span.Attributes().FromRaw(s.attributes))
}

// redChecks list the spans that provoke each failed check, and the console's message.
var redChecks = []struct {
	check, found, fix string
	spans             []spanSpec
}{
	{
		check: "service_name", found: "not said its name", fix: "export OTEL_SERVICE_NAME=my-app",
		spans: []spanSpec{{trace: 1, id: 1, service: "unknown_service:python", name: "tick", end: 5}},
	},
	{
		check: "http_attributes", found: "1 of 1 SERVER span without", fix: "Instrument the web framework",
		spans: []spanSpec{{trace: 2, id: 1, service: "bare", name: "GET /", kind: ptrace.SpanKindServer, end: 5}},
	},
	{
		check: "database_statement", found: "1 of 1 database span without db.statement", fix: "db_span_enricher",
		spans: []spanSpec{{trace: 3, id: 1, service: "silent", name: "SELECT", kind: ptrace.SpanKindClient, end: 5, attributes: map[string]any{
			"db.system.name": "postgresql", "db.query.text": "SELECT 1", "peer.service": "pg",
		}}},
	},
	{
		check: "peer_service", found: "the topology shows External Unknown", fix: "- match: {db.namespace: ORCL, db.system: oracle}",
		spans: []spanSpec{{trace: 4, id: 1, service: "nameless", name: "SELECT", kind: ptrace.SpanKindClient, end: 5, attributes: map[string]any{
			"db.system": "oracle", "db.name": "ORCL", "db.statement": "SELECT 1 FROM dual",
		}}},
	},
	{
		check: "clock_skew", found: "by up to 2s", fix: "Synchronize the clocks",
		spans: []spanSpec{
			{trace: 5, id: 1, service: "front", name: "call", kind: ptrace.SpanKindClient, end: 50},
			{trace: 5, id: 2, parent: 1, service: "behind", name: "GET /", kind: ptrace.SpanKindServer, start: -2000, end: -1960, attributes: map[string]any{
				"http.method": "GET", "http.target": "/", "http.status_code": 200,
			}},
		},
	},
	{
		check: "split_traces", found: "one click makes two traces", fix: "OTEL_PROPAGATORS=b3multi,tracecontext,baggage",
		spans: []spanSpec{{trace: 7, id: 1, service: "deaf", name: "GET /", kind: ptrace.SpanKindServer, end: 5, attributes: map[string]any{
			"http.method": "GET", "http.target": "/", "http.status_code": 200, "http.request.header.x-b3-traceid": "5b8efff798038103",
		}}},
	},
	{
		// This is last: it gets its mark only when nothing can be in transit any more.
		check: "parents", found: "never arrived", fix: "its queue overflowed",
		spans: []spanSpec{{trace: 6, id: 2, parent: 1, service: "lost", name: "orphan", end: 5}},
	},
}
