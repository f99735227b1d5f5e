// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// maxUnknown limits the number of callees that are listed for External Unknown.
const maxUnknown = 100

// UnknownPeer represents the calls of one service to one callee without a name,
// and the configuration to name it.
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
	// Config is the collector configuration that names the callee; empty if
	// none can.
	Config string `json:"config,omitempty"`
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
	// urlName and urlGlob match the URL of an HTTP request that has its host in
	// no other attribute.
	urlName, urlGlob string
}

// calleeOf reads the callee of a CLIENT span from its attributes.
func calleeOf(s storedSpan) callee {
	var span dbspan.Span
	c := callee{kind: "other", address: cmp.Or(attribute(s.span, "server.address"), attribute(s.span, "net.peer.name"))}
	switch span.Read(s.span.Attributes(), dbspan.LookupScope(s.scope.Name())) {
	case dbspan.KindDatabase:
		c = callee{kind: NodeDatabase, system: span.System.Legacy, namespace: span.Namespace, address: span.ServerAddress}
	case dbspan.KindHTTP:
		c.kind = "http"
		if c.address == "" {
			c.readURL(s.span)
		}
	case dbspan.KindRPC:
		c.kind = "rpc"
	case dbspan.KindMessaging:
		c.kind = "messaging"
	case dbspan.KindOther:
	}
	return c
}

// readURL reads the address from the URL of the request.
func (c *callee) readURL(span ptrace.Span) {
	for _, name := range []string{"url.full", "http.url"} {
		parsed, err := url.Parse(attribute(span, name))
		if err != nil || parsed.Host == "" || parsed.User != nil {
			continue
		}
		c.address = parsed.Hostname()
		c.urlName, c.urlGlob = name, globEscaper.Replace(parsed.Scheme+"://"+parsed.Host)+"/*"
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
		return "unknown callee"
	}
	return strings.Join(parts, " ")
}

func (b *topologyBuilder) addUnknown(caller storedSpan) {
	c := calleeOf(caller)
	key := unknownKey{caller.service, c.kind, c.system, c.namespace, c.address, caller.converted}
	peer := b.unknown[key]
	if peer == nil {
		if len(b.unknown) >= maxUnknown {
			return
		}
		peer = &UnknownPeer{
			Service: caller.service, Kind: c.kind, Callee: c.String(), Reason: c.reason(), Config: c.config(),
			TraceID: caller.span.TraceID().String(), SpanID: caller.span.SpanID().String(),
		}
		if !caller.converted {
			peer.Reason, peer.Config = ruleReason, ""
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
	case c.kind == "other" || c.address == "":
		return "These CLIENT spans have no peer.service, and no attribute that identifies the callee. Set peer.service in the app."
	}
	return "These CLIENT spans have no peer.service, and the callee sends no spans of its own. " +
		"The peer_service processor names it with the configuration below."
}

// plainYAML matches text that YAML reads as a string and that a glob matches
// literally.
var plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// yamlText quotes a value if necessary: every JSON string is YAML.
func yamlText(text string) string {
	if plainYAML.MatchString(text) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(text)) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return `""`
	}
	return string(quoted)
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// config returns the configuration of the peer_service processor that names the
// callee.
func (c callee) config() string {
	match := map[string]string{}
	if c.kind == NodeDatabase {
		match["db.system"] = c.system
		if c.namespace != "" {
			match["db.namespace"] = c.namespace
		}
	} else if c.kind == "other" || c.address == "" {
		return ""
	}
	for name, value := range match {
		match[name] = globEscaper.Replace(value)
	}
	switch {
	case c.urlGlob != "":
		match[c.urlName] = c.urlGlob
	case c.address != "":
		match["server.address"] = globEscaper.Replace(c.address)
	}
	var conditions []string
	for _, name := range slices.Sorted(maps.Keys(match)) {
		conditions = append(conditions, name+": "+yamlText(match[name]))
	}
	lines := []string{"processors:", "  peer_service:"}
	if c.kind != NodeDatabase {
		lines = append(lines, fmt.Sprintf("    kinds: [db, %s]", c.kind))
	}
	lines = append(lines,
		"    rules:",
		"      - match: {"+strings.Join(conditions, ", ")+"}",
		"        name: "+yamlText(c.suggestedName()))
	if c.kind == NodeDatabase {
		lines = append(lines,
			"service:",
			"  pipelines:",
			"    traces:",
			"      processors: [memory_limiter, resource_detection, db_span_enricher, peer_service]")
	}
	return strings.Join(lines, "\n") + "\n"
}

// suggestedName returns the name that the processor gives without rules, as far
// as it is valid in a configuration.
func (c callee) suggestedName() string {
	name := c.address
	if c.kind == NodeDatabase {
		name = c.system
		switch {
		case c.namespace != "":
			name += "-" + c.namespace
		case c.address != "":
			name += "-" + c.address
		}
	}
	// The processor would read braces as a template.
	return strings.NewReplacer("{", "", "}", "").Replace(name)
}
