// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	server   = ptrace.SpanKindServer
	client   = ptrace.SpanKindClient
	internal = ptrace.SpanKindInternal
	producer = ptrace.SpanKindProducer
	consumer = ptrace.SpanKindConsumer
)

func ms(n int64) int64 { return n * 1_000_000 }

func service(name string) Node {
	return Node{ID: "service:" + name, Name: name, Kind: NodeService}
}

func TestTopology(t *testing.T) {
	unknown := Node{ID: "external_unknown", Name: "External Unknown", Kind: NodeExternalUnknown}
	adb := Node{ID: "database:oracle-adb", Name: "oracle-adb", Kind: NodeDatabase}
	oracle := map[string]any{"peer.service": "oracle-adb", "db.system": "oracle"}
	for _, tc := range []struct {
		name  string
		spans []spanSpec
		nodes []Node
		edges []Edge
	}{
		{name: "nothing", nodes: []Node{}, edges: []Edge{}},
		{
			name: "webserver to application to database",
			spans: []spanSpec{
				{id: 1, service: "apache", kind: server, end: 100},
				{id: 2, parent: 1, service: "apache", kind: client, start: 5, end: 95},
				{id: 3, parent: 2, service: "app", kind: server, start: 10, end: 90},
				{id: 4, parent: 3, service: "app", kind: internal, start: 11, end: 80},
				{id: 5, parent: 4, service: "app", kind: client, start: 20, end: 40, attributes: oracle},
				{id: 6, parent: 4, service: "app", kind: client, start: 50, end: 80, failed: true, attributes: oracle},
			},
			nodes: []Node{adb, service("apache"), service("app")},
			edges: []Edge{
				{Source: "service:apache", Target: "service:app", Requests: 1, P95DurationNS: ms(90)},
				{Source: "service:app", Target: adb.ID, Requests: 2, Errors: 1, P95DurationNS: ms(30)},
			},
		},
		{
			name: "webserver without a CLIENT span",
			spans: []spanSpec{
				{id: 1, service: "apache", kind: server, end: 100, failed: true},
				{id: 2, parent: 1, service: "app", kind: server, start: 10, end: 90},
			},
			nodes: []Node{service("apache"), service("app")},
			edges: []Edge{{Source: "service:apache", Target: "service:app", Requests: 1, P95DurationNS: ms(80)}},
		},
		{
			name: "no peer.service",
			spans: []spanSpec{
				{id: 1, service: "app", kind: client, end: 10, attributes: map[string]any{"db.system": "oracle"}},
				{id: 2, service: "app", kind: client, end: 20, attributes: map[string]any{"peer.service": "", "db.system": "oracle"}},
				{id: 3, service: "other", kind: client, end: 30, failed: true},
			},
			nodes: []Node{unknown, service("app"), service("other")},
			edges: []Edge{
				{Source: "service:app", Target: unknown.ID, Requests: 2, P95DurationNS: ms(20)},
				{Source: "service:other", Target: unknown.ID, Requests: 1, Errors: 1, P95DurationNS: ms(30)},
			},
		},
		{
			name: "the newer names of a database",
			spans: []spanSpec{
				{id: 1, service: "app", kind: client, attributes: map[string]any{"peer.service": "oracle-adb", "db.system.name": "oracle.db"}},
				{id: 2, service: "app", kind: client, attributes: map[string]any{"service.peer.name": "oracle-adb", "db.system.name": "oracle.db"}},
			},
			nodes: []Node{adb, unknown, service("app")},
			edges: []Edge{
				{Source: "service:app", Target: adb.ID, Requests: 1},
				{Source: "service:app", Target: unknown.ID, Requests: 1},
			},
		},
		{
			name: "a peer that is no database",
			spans: []spanSpec{
				{id: 1, service: "app", kind: client, attributes: map[string]any{"peer.service": "payments"}},
				{id: 2, service: "app", kind: client, attributes: map[string]any{"peer.service": "shop"}},
				{id: 3, service: "shop", kind: internal},
			},
			nodes: []Node{{ID: "external:payments", Name: "payments", Kind: NodeExternal}, service("app"), service("shop")},
			edges: []Edge{
				{Source: "service:app", Target: "external:payments", Requests: 1},
				{Source: "service:app", Target: "service:shop", Requests: 1},
			},
		},
		{
			name: "a service and a database of one name",
			spans: []spanSpec{
				{id: 1, service: "oracle-adb", kind: client, attributes: oracle},
			},
			nodes: []Node{adb, service("oracle-adb")},
			edges: []Edge{{Source: "service:oracle-adb", Target: adb.ID, Requests: 1}},
		},
		{
			name: "the callee's span wins over peer.service",
			spans: []spanSpec{
				{id: 1, service: "web", kind: client, end: 10, attributes: map[string]any{"peer.service": "somebody"}},
				{id: 2, parent: 1, service: "app", kind: server, end: 8, failed: true},
			},
			nodes: []Node{service("app"), service("web")},
			edges: []Edge{{Source: "service:web", Target: "service:app", Requests: 1, Errors: 1, P95DurationNS: ms(10)}},
		},
		{
			name: "missing parents",
			spans: []spanSpec{
				{id: 2, parent: 1, service: "app", kind: server},
				{id: 4, parent: 3, service: "app", kind: client, attributes: oracle},
			},
			nodes: []Node{adb, service("app")},
			edges: []Edge{{Source: "service:app", Target: adb.ID, Requests: 1}},
		},
		{
			name: "messages",
			spans: []spanSpec{
				{id: 1, service: "shop", kind: producer, end: 1},
				{id: 2, parent: 1, service: "mail", kind: consumer, end: 500},
				{id: 3, parent: 1, service: "stock", kind: consumer, end: 700, failed: true},
				{id: 4, service: "shop", kind: producer, end: 1},
			},
			nodes: []Node{service("mail"), service("shop"), service("stock")},
			edges: []Edge{
				{Source: "service:shop", Target: "service:mail", Requests: 1, P95DurationNS: ms(500)},
				{Source: "service:shop", Target: "service:stock", Requests: 1, Errors: 1, P95DurationNS: ms(700)},
			},
		},
		{
			name: "a service that calls itself",
			spans: []spanSpec{
				{id: 1, service: "app", kind: server},
				{id: 2, parent: 1, service: "app", kind: client, end: 3},
				{id: 3, parent: 2, service: "app", kind: server},
				{id: 4, parent: 3, service: "app", kind: server},
			},
			nodes: []Node{service("app")},
			edges: []Edge{{Source: "service:app", Target: "service:app", Requests: 1, P95DurationNS: ms(3)}},
		},
		{
			name:  "its own parent",
			spans: []spanSpec{{id: 1, parent: 1, service: "app", kind: server}},
			nodes: []Node{service("app")},
			edges: []Edge{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.spans {
				tc.spans[i].trace = 1
			}
			s := start(t)
			require.Equal(t, 200, s.uploadTraces(tracesOf(t, tc.spans...)).status)
			var topology Topology
			s.get("/api/v1/topology", &topology)
			assert.Equal(t, tc.nodes, topology.Nodes)
			assert.Equal(t, tc.edges, topology.Edges)
		})
	}
}

// TestTopologyAcrossUploads uploads caller and callee separately, the callee
// first.
func TestTopologyAcrossUploads(t *testing.T) {
	s := start(t)
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 2, parent: 1, service: "app", kind: server}))
	assert.Empty(t, s.server.Topology().Edges)
	s.uploadTraces(tracesOf(t, spanSpec{trace: 2, id: 1, service: "web", kind: client}))
	assert.Equal(t, NodeExternalUnknown, s.server.Topology().Edges[0].Target, "the same span id in another trace")
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", kind: client}))
	edges := s.server.Topology().Edges
	require.Len(t, edges, 2)
	assert.Equal(t, "service:app", edges[1].Target)
}

func TestPercentile(t *testing.T) {
	for _, tc := range []struct {
		calls int
		want  int64
	}{{1, 1}, {2, 2}, {19, 19}, {20, 19}, {21, 20}, {100, 95}, {200, 190}} {
		td := ptrace.NewTraces()
		for i := range tc.calls {
			one := tracesOf(t, spanSpec{trace: 1, id: byte(i + 1), service: "app", kind: client, end: tc.calls - i})
			one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		}
		s := newStore(1000, DefaultMaxBytes)
		s.put(batch{signal: SignalTraces, items: tc.calls, traces: td}, false, 0)
		topology := topologyOf(s.snapshot(), timeRange{})
		require.Len(t, topology.Edges, 1)
		assert.Equal(t, ms(tc.want), topology.Edges[0].P95DurationNS, "%d calls", tc.calls)
	}
}

// TestApacheTopology uses spans of a real Apache httpd, see testdata/README.md,
// with a span of the application that it calls.
func TestApacheTopology(t *testing.T) {
	body, err := os.ReadFile("testdata/apache-httpd.json")
	require.NoError(t, err)
	s := start(t)
	a := s.do("POST", TracesPath, body, header{"Authorization": privateAuth, "Content-Type": typeJSON})
	require.Equal(t, 200, a.status, string(a.body))
	traces := s.server.StoredTraces()
	var call ptrace.Span
	for _, resource := range traces.ResourceSpans().All() {
		if span := resource.ScopeSpans().At(0).Spans().At(0); span.Kind() == client {
			call = span
		}
	}
	require.NotEqual(t, ptrace.Span{}, call)
	edges := s.server.Topology().Edges
	require.Len(t, edges, 1)
	assert.Equal(t, "external_unknown", edges[0].Target, "nothing is known behind the proxy")

	app := tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "app", kind: server, end: 3},
		spanSpec{trace: 1, id: 2, parent: 1, service: "app", kind: client, end: 2, attributes: map[string]any{"peer.service": "oracle-adb", "db.system": "oracle"}})
	for _, resource := range app.ResourceSpans().All() {
		resource.ScopeSpans().At(0).Spans().At(0).SetTraceID(call.TraceID())
	}
	app.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(call.SpanID())
	s.uploadTraces(app)
	edges = s.server.Topology().Edges
	require.Len(t, edges, 2)
	assert.Equal(t, "service:apache-web-server", edges[0].Source)
	assert.Equal(t, "service:app", edges[0].Target)
	assert.Equal(t, "service:app", edges[1].Source)
	assert.Equal(t, "database:oracle-adb", edges[1].Target)
}

// Messages lead from producers to consumers or, if the other side is not in the store,
// to and from their queue or topic.
func TestMessagingTopology(t *testing.T) {
	kafka := map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders"}
	queue := Node{ID: "messaging:kafka:orders", Name: "kafka:orders", Kind: NodeMessaging}
	calls := func(edges ...string) []string { return edges }
	for _, tc := range []struct {
		name  string
		spans []spanSpec
		links map[int]byte // from the span with this index to a span of trace 9
		nodes []Node
		edges []string
	}{
		{
			name:  "only the producer",
			spans: []spanSpec{{trace: 1, id: 1, service: "shop", kind: producer, attributes: kafka}},
			nodes: []Node{queue, service("shop")}, edges: calls("service:shop messaging:kafka:orders"),
		},
		{
			name:  "only the consumer, whose parent is not here",
			spans: []spanSpec{{trace: 1, id: 2, parent: 1, service: "mail", kind: consumer, attributes: kafka}},
			nodes: []Node{queue, service("mail")}, edges: calls("messaging:kafka:orders service:mail"),
		},
		{
			name: "two sides that do not know of each other",
			spans: []spanSpec{
				{trace: 1, id: 1, service: "shop", kind: producer, attributes: kafka},
				{trace: 2, id: 2, service: "mail", kind: consumer, attributes: map[string]any{"messaging.system": "kafka", "messaging.destination": "orders"}},
			},
			nodes: []Node{queue, service("mail"), service("shop")},
			edges: calls("messaging:kafka:orders service:mail", "service:shop messaging:kafka:orders"),
		},
		{
			name: "parent and child",
			spans: []spanSpec{
				{trace: 1, id: 1, service: "shop", kind: producer, attributes: kafka},
				{trace: 1, id: 2, parent: 1, service: "mail", kind: consumer, attributes: kafka},
				{trace: 1, id: 3, parent: 2, service: "mail", kind: consumer, attributes: kafka},
			},
			nodes: []Node{service("mail"), service("shop")}, edges: calls("service:shop service:mail"),
		},
		{
			name: "a link to another trace",
			spans: []spanSpec{
				{trace: 1, id: 2, service: "mail", kind: consumer, attributes: kafka},
				{trace: 9, id: 1, service: "shop", kind: producer, attributes: kafka},
			},
			links: map[int]byte{0: 1},
			nodes: []Node{service("mail"), service("shop")}, edges: calls("service:shop service:mail"),
		},
		{
			name:  "a link to a span that is not here",
			spans: []spanSpec{{trace: 1, id: 2, service: "mail", kind: consumer, attributes: kafka}},
			links: map[int]byte{0: 1},
			nodes: []Node{queue, service("mail")}, edges: calls("messaging:kafka:orders service:mail"),
		},
		{
			name: "named by the app",
			spans: []spanSpec{{trace: 1, id: 1, service: "shop", kind: producer, attributes: map[string]any{
				"messaging.system": "kafka", "peer.service": "events",
			}}},
			nodes: []Node{{ID: "messaging:events", Name: "events", Kind: NodeMessaging}, service("shop")}, edges: calls("service:shop messaging:events"),
		},
		{
			name:  "the system only",
			spans: []spanSpec{{trace: 1, id: 1, service: "shop", kind: producer, attributes: map[string]any{"messaging.system": "rabbitmq"}}},
			nodes: []Node{{ID: "messaging:rabbitmq", Name: "rabbitmq", Kind: NodeMessaging}, service("shop")}, edges: calls("service:shop messaging:rabbitmq"),
		},
		{
			name: "nothing says what it is",
			spans: []spanSpec{
				{trace: 1, id: 1, service: "shop", kind: producer},
				{trace: 2, id: 2, service: "mail", kind: consumer},
			},
			nodes: []Node{service("mail"), service("shop")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			td := tracesOf(t, tc.spans...)
			for i, id := range tc.links {
				link := td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0).Links().AppendEmpty()
				link.SetTraceID(traceID(9))
				link.SetSpanID(spanID(id))
			}
			s := newStore(100, DefaultMaxBytes)
			s.put(batch{signal: SignalTraces, items: len(tc.spans), traces: td}, false, 0)
			topology := topologyOf(s.snapshot(), timeRange{})
			assert.Equal(t, tc.nodes, topology.Nodes)
			var edges []string
			for _, edge := range topology.Edges {
				edges = append(edges, edge.Source+" "+edge.Target)
			}
			assert.Equal(t, tc.edges, edges)
			assert.Empty(t, topology.UnknownConfig)
		})
	}
}
