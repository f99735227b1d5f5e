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
	NodeExternal = "external"
	// NodeExternalUnknown is the node for all callees without a name. APM's
	// console shows it as "External Unknown".
	NodeExternalUnknown = "external_unknown"
)

// Topology contains the calls between services and callees, in a stable order.
type Topology struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	// WindowNS is the time from the first to the last start of a span: it
	// converts a number of requests into a rate.
	WindowNS int64 `json:"window_ns"`
	// Unknown lists the callees of External Unknown, the most called first.
	Unknown []UnknownPeer `json:"unknown,omitempty"`
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
	nodes       map[string]Node
	edges       map[edgeKey]*edgeCalls
	unknown     map[unknownKey]*UnknownPeer
	first, last time.Time
}

// topologyOf applies APM's rules. A CLIENT or PRODUCER span whose callee's span
// is in the store is a call between their services, and so is a SERVER span
// whose parent is in another service. Any other CLIENT span is a call to the
// callee in its peer.service, or to External Unknown. APM reads peer.service only
// from a span to which its naming conversion applied.
func topologyOf(traces []storedTrace) Topology {
	b := topologyBuilder{nodes: map[string]Node{}, edges: map[edgeKey]*edgeCalls{}, unknown: map[unknownKey]*UnknownPeer{}}
	// All services come first, since a peer.service may name any of them.
	for _, trace := range traces {
		for _, s := range trace.spans {
			b.node(NodeService, s.service)
		}
	}
	for _, trace := range traces {
		b.addTrace(trace)
		summary := summarize(trace)
		if b.first.IsZero() || summary.StartTime.Before(b.first) {
			b.first = summary.StartTime
		}
		if end := summary.StartTime.Add(time.Duration(summary.DurationNS)); end.After(b.last) {
			b.last = end
		}
	}
	return b.build()
}

func (b *topologyBuilder) addTrace(trace storedTrace) {
	byID := make(map[pcommon.SpanID]*storedSpan, len(trace.spans))
	for i := range trace.spans {
		byID[trace.spans[i].span.SpanID()] = &trace.spans[i]
	}
	answered := map[pcommon.SpanID]struct{}{}
	for _, callee := range trace.spans {
		if kind := callee.span.Kind(); kind != ptrace.SpanKindServer && kind != ptrace.SpanKindConsumer {
			continue
		}
		caller, ok := byID[callee.span.ParentSpanID()]
		if !ok {
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
		answered[caller.span.SpanID()] = struct{}{}
		b.call(b.node(NodeService, caller.service), b.node(NodeService, callee.service), failed, duration)
	}
	for _, caller := range trace.spans {
		if caller.span.Kind() != ptrace.SpanKindClient {
			continue
		}
		if _, ok := answered[caller.span.SpanID()]; ok {
			continue
		}
		b.call(b.node(NodeService, caller.service), b.peer(caller), isError(caller.span), durationOf(caller.span))
	}
}

// peer returns the callee's node for a CLIENT span without a callee in the
// store.
func (b *topologyBuilder) peer(caller storedSpan) string {
	span := caller.span
	name := attribute(span, "peer.service")
	switch {
	case name == "", !caller.converted:
		b.addUnknown(caller)
		return b.node(NodeExternalUnknown, "External Unknown")
	case attribute(span, "db.system") != "" || attribute(span, "db.system.name") != "":
		return b.node(NodeDatabase, name)
	}
	if _, ok := b.nodes[nodeID(NodeService, name)]; ok {
		return nodeID(NodeService, name)
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
	t := Topology{Nodes: []Node{}, Edges: []Edge{}, WindowNS: b.last.Sub(b.first).Nanoseconds(), Unknown: b.listUnknown()}
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) {
		t.Nodes = append(t.Nodes, b.nodes[id])
	}
	for key, calls := range b.edges {
		slices.Sort(calls.durations)
		rank := (len(calls.durations)*95 + 99) / 100
		t.Edges = append(t.Edges, Edge{
			Source: key.source, Target: key.target,
			Requests: len(calls.durations), Errors: calls.errors,
			P95DurationNS: calls.durations[rank-1],
		})
	}
	slices.SortFunc(t.Edges, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Target, y.Target))
	})
	return t
}
