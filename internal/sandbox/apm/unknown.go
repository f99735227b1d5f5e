// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// maxUnknown limits the number of callees that are listed for External Unknown.
const maxUnknown = 100

// UnknownPeer represents the calls of one service to one callee without a name.
type UnknownPeer struct {
	Service string `json:"service"`
	// Kind is database, http, rpc, messaging or other.
	Kind string `json:"kind"`
	// Callee describes the callee according to the spans, such as "oracle ORCL
	// at db1".
	Callee string `json:"callee"`
	Calls  int    `json:"calls"`
	// Reason says why it has no name.
	Reason string `json:"reason"`
	// TraceID and SpanID identify one of the calls.
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

type unknownKey struct {
	service, kind, system, namespace, address string
	converted                                 bool
}

// ruleReason explains a callee whose spans arrived while the naming rule was off.
const ruleReason = "The rule \"OpenTelemetry to APM naming conversion\" of the APM domain did not apply to these spans, so APM does not see " +
	"their peer.service. apmctl setup switches it on, for new spans."

// callee is what a span says about the callee.
type callee struct {
	kind      string
	system    string // for databases: the value of db.system
	namespace string
	address   string
	// urlGlob matches the URL of an HTTP request that has its host in no other
	// attribute.
	urlGlob string
	// marker is an attribute that only spans of the kind have.
	marker string
	// idName and id name the callee if it has no address.
	idName, id string
}

// calleeOf reads the callee of a CLIENT span from its attributes.
func calleeOf(s storedSpan) callee {
	var span dbspan.Span
	c := callee{kind: "other", address: cmp.Or(attribute(s.span, "server.address"), attribute(s.span, "net.peer.name"))}
	switch span.Read(s.span.Attributes(), dbspan.LookupScope(s.scope.Name())) {
	case dbspan.KindDatabase:
		c = databaseCallee(&span)
	case dbspan.KindHTTP:
		c.kind = "http"
		c.mark(s.span, "http.request.method", "http.method")
		if c.address == "" {
			c.readURL(s.span)
		}
	case dbspan.KindRPC:
		c.kind = "rpc"
		c.mark(s.span, "rpc.system", "rpc.system.name")
		c.idName, c.id = "rpc.service", cmp.Or(attribute(s.span, "rpc.service"), dbspan.RPCService(s.span.Attributes()))
	case dbspan.KindMessaging:
		c.kind = "messaging"
		c.mark(s.span, "messaging.system")
		c.idName, c.id = "messaging.destination.name", destinationOf(s.span)
	case dbspan.KindOther:
	}
	return c
}

func databaseCallee(span *dbspan.Span) callee {
	return callee{kind: NodeDatabase, system: span.System.Legacy, namespace: span.Namespace, address: span.ServerAddress}
}

// mark sets the marker to the first name if the span has an attribute under one of the
// names, which the processor treats alike.
func (c *callee) mark(span ptrace.Span, names ...string) {
	for _, name := range names {
		if attribute(span, name) != "" {
			c.marker = names[0]
			return
		}
	}
}

// readURL reads the address from the URL of the request.
func (c *callee) readURL(span ptrace.Span) {
	for _, name := range []string{"url.full", "http.url"} {
		parsed, err := url.Parse(attribute(span, name))
		if err != nil || parsed.Host == "" || parsed.User != nil {
			continue
		}
		c.address = parsed.Hostname()
		c.urlGlob = globEscaper.Replace(parsed.Scheme+"://"+parsed.Host) + "/*"
		return
	}
}

func (c callee) String() string {
	parts := []string{}
	for _, part := range []string{c.system, c.namespace} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if c.address != "" && len(parts) > 0 {
		parts = append(parts, "at")
	}
	if c.address != "" {
		parts = append(parts, c.address)
	}
	if len(parts) == 0 {
		return cmp.Or(c.id, "unknown callee")
	}
	return strings.Join(parts, " ")
}

func (b *topologyBuilder) addUnknown(caller storedSpan) {
	c := calleeOf(caller)
	if caller.converted {
		b.rules.add(c)
	}
	key := unknownKey{caller.service, c.kind, c.system, c.namespace, cmp.Or(c.address, c.id), caller.converted}
	peer := b.unknown[key]
	if peer == nil {
		if len(b.unknown) >= maxUnknown {
			return
		}
		peer = &UnknownPeer{
			Service: caller.service, Kind: c.kind, Callee: c.String(), Reason: c.reason(),
			TraceID: caller.span.TraceID().String(), SpanID: caller.span.SpanID().String(),
		}
		if !caller.converted {
			peer.Reason = ruleReason
		}
		b.unknown[key] = peer
	}
	peer.Calls++
}

func (b *topologyBuilder) listUnknown() []UnknownPeer {
	peers := []UnknownPeer{}
	for _, peer := range b.unknown {
		peers = append(peers, *peer)
	}
	slices.SortFunc(peers, func(x, y UnknownPeer) int {
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Callee, y.Callee))
	})
	return peers
}

func (c callee) reason() string {
	switch {
	case c.kind == NodeDatabase:
		return "These database spans have no peer.service, which names the node. The collector's peer_service processor sets it: " +
			"it is not in the pipeline, or one of its rules leaves them unchanged."
	case !c.canBeNamed():
		return "These CLIENT spans have no peer.service, and no attribute that identifies the callee. Set peer.service in the app."
	}
	return "These CLIENT spans have no peer.service, and the callee sends no spans of its own."
}
