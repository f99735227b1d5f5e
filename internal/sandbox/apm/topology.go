// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The kinds of nodes in a topology.
const (
	NodeService  = "service"
	NodeDatabase = "database"
	// NodeMessaging is a queue or a topic between services.
	NodeMessaging = "messaging"
	NodeExternal  = "external"
	// NodeExternalUnknown is the node for all callees without a name. APM's
	// console shows it as "External Unknown".
	NodeExternalUnknown = "external_unknown"
)

// Topology contains the calls between services and callees, in a stable order.
type Topology struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	// WindowNS is the length of the time range or, without one, the time from the
	// first start to the last end of a span: it converts a number of requests into
	// a rate.
	WindowNS int64 `json:"window_ns"`
	// Unknown lists the callees of External Unknown, the most called first.
	Unknown []UnknownPeer `json:"unknown,omitempty"`
	// UnknownConfig is the collector configuration that names those of them that
	// it can name.
	UnknownConfig string `json:"unknown_config,omitempty"`
}

// Node is a service or a callee of a service.
type Node struct {
	// ID consists of kind and name: a service and a database may have the same
	// name.
	ID   string `json:"id"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// Edge represents the calls from one node to another.
type Edge struct {
	// Source and Target are node ids.
	Source string `json:"source"`
	Target string `json:"target"`
	// Requests is the number of calls, Errors the number of failed ones.
	Requests int `json:"requests"`
	Errors   int `json:"errors"`
	// P95DurationNS is the 95th percentile (nearest rank) of the durations of
	// the calls: the caller's if its span is a CLIENT, else the callee's.
	P95DurationNS int64 `json:"p95_duration_ns"`
}

type edgeKey struct{ source, target string }

type edgeCalls struct {
	errors    int
	durations []int64
}

// topologyBuilder collects nodes and edges.
type topologyBuilder struct {
	within      timeRange
	nodes       map[string]Node
	edges       map[edgeKey]*edgeCalls
	unknown     map[unknownKey]*UnknownPeer
	rules       peerRules
	first, last time.Time
	// producers contains the PRODUCER spans, to which spans of other traces link.
	producers map[spanKey]*storedSpan
	// answered contains the callers whose callee's span is in the store.
	answered map[spanKey]struct{}
}

// topologyOf applies APM's rules. A CLIENT or PRODUCER span whose callee's span
// is in the store is a call between their services, and so is a SERVER span
// whose parent is in another service. Any other CLIENT span is a call to the
// callee in its peer.service, or to External Unknown. Any other PRODUCER or CONSUMER
// span is a call to or from its queue or topic, if it names one. APM reads peer.service
// only from a span to which its naming conversion applied.
// Only spans in the time range count, but a call may have its other end outside.
func topologyOf(traces []storedTrace, within timeRange) Topology {
	b := topologyBuilder{
		within: within,
		nodes:  map[string]Node{}, edges: map[edgeKey]*edgeCalls{}, unknown: map[unknownKey]*UnknownPeer{},
		producers: map[spanKey]*storedSpan{}, answered: map[spanKey]struct{}{},
	}
	traces = within.traces(traces)
	// All services come first, since a peer.service may name any of them.
	for _, trace := range traces {
		for i, s := range trace.spans {
			if within.containsSpan(s.span) {
				b.node(NodeService, s.service)
			}
			if s.span.Kind() == ptrace.SpanKindProducer {
				b.producers[spanKey{trace: trace.id, span: s.span.SpanID()}] = &trace.spans[i]
			}
		}
	}
	for _, trace := range traces {
		b.addCallees(trace)
		summary := summarize(trace)
		if b.first.IsZero() || summary.StartTime.Before(b.first) {
			b.first = summary.StartTime
		}
		if end := summary.StartTime.Add(time.Duration(summary.DurationNS)); end.After(b.last) {
			b.last = end
		}
	}
	for _, trace := range traces {
		b.addCallers(trace)
	}
	return b.build()
}

// addCallees adds the calls to SERVER and CONSUMER spans.
func (b *topologyBuilder) addCallees(trace storedTrace) {
	byID := make(map[pcommon.SpanID]*storedSpan, len(trace.spans))
	for i := range trace.spans {
		byID[trace.spans[i].span.SpanID()] = &trace.spans[i]
	}
	for _, callee := range trace.spans {
		kind := callee.span.Kind()
		if kind != ptrace.SpanKindServer && kind != ptrace.SpanKindConsumer {
			continue
		}
		caller, ok := byID[callee.span.ParentSpanID()]
		if !ok {
			if kind == ptrace.SpanKindConsumer {
				b.addConsumer(callee)
			}
			continue
		}
		failed := isError(callee.span)
		duration := durationOf(callee.span)
		switch caller.span.Kind() {
		case ptrace.SpanKindClient:
			failed = failed || isError(caller.span)
			duration = durationOf(caller.span)
		case ptrace.SpanKindProducer:
		default:
			// A span directly below one of its own service is not a call.
			if caller.service == callee.service {
				continue
			}
		}
		b.answered[spanKey{trace: trace.id, span: caller.span.SpanID()}] = struct{}{}
		if !b.within.containsSpan(callee.span) {
			continue
		}
		b.call(b.node(NodeService, caller.service), b.node(NodeService, callee.service), failed, duration)
	}
}

// addCallers adds the calls of CLIENT and PRODUCER spans without a callee in the store.
func (b *topologyBuilder) addCallers(trace storedTrace) {
	for _, caller := range trace.spans {
		kind := caller.span.Kind()
		if (kind != ptrace.SpanKindClient && kind != ptrace.SpanKindProducer) || !b.within.containsSpan(caller.span) {
			continue
		}
		if _, ok := b.answered[spanKey{trace: trace.id, span: caller.span.SpanID()}]; ok {
			continue
		}
		if callee := b.peer(caller); callee != "" {
			b.call(b.node(NodeService, caller.service), callee, isError(caller.span), durationOf(caller.span))
		}
	}
}

// addConsumer adds the call to a CONSUMER span without a parent in its trace: from the
// producers that it links to, or else from its queue or topic.
func (b *topologyBuilder) addConsumer(callee storedSpan) {
	within, linked := b.within.containsSpan(callee.span), false
	for _, link := range callee.span.Links().All() {
		key := spanKey{trace: link.TraceID(), span: link.SpanID()}
		producer, ok := b.producers[key]
		if !ok {
			continue
		}
		linked = true
		b.answered[key] = struct{}{}
		if within {
			b.call(b.node(NodeService, producer.service), b.node(NodeService, callee.service), isError(callee.span), durationOf(callee.span))
		}
	}
	if name := queueOf(callee.span); !linked && within && name != "" {
		b.call(b.node(NodeMessaging, name), b.node(NodeService, callee.service), isError(callee.span), durationOf(callee.span))
	}
}

// destinationOf returns the name of the queue or topic of a messaging span.
func destinationOf(span ptrace.Span) string {
	return cmp.Or(attribute(span, "messaging.destination.template"), attribute(span, "messaging.destination.name"), attribute(span, "messaging.destination"))
}

// queueOf returns the name of the node for the queue or topic of a span, or "".
func queueOf(span ptrace.Span) string {
	system, destination := attribute(span, "messaging.system"), destinationOf(span)
	if system == "" || destination == "" {
		return cmp.Or(destination, system)
	}
	return system + ":" + destination
}

// peer returns the callee's node for a CLIENT or PRODUCER span without a callee in the
// store, or "" if a PRODUCER span does not name one.
func (b *topologyBuilder) peer(caller storedSpan) string {
	span := caller.span
	name := ""
	if caller.converted {
		name = attribute(span, "peer.service")
	}
	_, known := b.nodes[nodeID(NodeService, name)]
	database := attribute(span, "db.system") != "" || attribute(span, "db.system.name") != ""
	switch {
	case known && !database:
		return nodeID(NodeService, name)
	case span.Kind() == ptrace.SpanKindProducer:
		queue := queueOf(span)
		if queue == "" && name == "" {
			return ""
		}
		return b.node(NodeMessaging, cmp.Or(name, queue))
	case name == "":
		b.addUnknown(caller)
		return b.node(NodeExternalUnknown, "External Unknown")
	case database:
		return b.node(NodeDatabase, name)
	}
	return b.node(NodeExternal, name)
}

func attribute(span ptrace.Span, name string) string {
	value, ok := span.Attributes().Get(name)
	if !ok {
		return ""
	}
	return value.AsString()
}

func isError(span ptrace.Span) bool {
	return span.Status().Code() == ptrace.StatusCodeError
}

func nodeID(kind, name string) string {
	if kind == NodeExternalUnknown {
		return kind
	}
	return kind + ":" + name
}

// node adds the node if it does not exist, and returns its id.
func (b *topologyBuilder) node(kind, name string) string {
	id := nodeID(kind, name)
	b.nodes[id] = Node{ID: id, Name: name, Kind: kind}
	return id
}

func (b *topologyBuilder) call(source, target string, failed bool, duration int64) {
	key := edgeKey{source: source, target: target}
	calls := b.edges[key]
	if calls == nil {
		calls = &edgeCalls{}
		b.edges[key] = calls
	}
	if failed {
		calls.errors++
	}
	calls.durations = append(calls.durations, duration)
}

func (b *topologyBuilder) build() Topology {
	t := Topology{
		Nodes: []Node{}, Edges: []Edge{}, WindowNS: b.within.length(b.first, b.last).Nanoseconds(),
		Unknown: b.listUnknown(), UnknownConfig: b.rules.config(),
	}
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) {
		t.Nodes = append(t.Nodes, b.nodes[id])
	}
	for key, calls := range b.edges {
		slices.Sort(calls.durations)
		t.Edges = append(t.Edges, Edge{
			Source: key.source, Target: key.target,
			Requests: len(calls.durations), Errors: calls.errors,
			P95DurationNS: percentile(calls.durations, 95),
		})
	}
	slices.SortFunc(t.Edges, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Target, y.Target))
	})
	return t
}
