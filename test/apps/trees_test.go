// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// span is the tests' form of a span and its descendants. Both the expected and the
// stored spans are converted to it and compared as text.
type span struct {
	kind    string
	name    string
	service string
	failed  bool // status ERROR
	// exceptions are the types of the recorded exceptions.
	exceptions []string
	// attributes are the attributes listed in shown, under their old names; all others
	// are left out.
	attributes map[string]string
	// query is the query of a stored request's URL. It is not compared.
	query string
	// children are first the non-INTERNAL ones in the order of their start, then the
	// INTERNAL ones sorted by name: what a framework does beside the statements may run
	// concurrently.
	children []span
}

// shown are the attributes that every test compares: those that the guide names, and the
// id and the peer that APM reads. The first name of a row represents all of them: they
// are the same attribute in different generations of the conventions.
var shown = [][]string{
	{"http.method", "http.request.method"},
	{"http.target", "url.path"},
	{"http.status_code", "http.response.status_code"},
	{"db.system"},
	{"db.name", "db.namespace"},
	{"db.operation"},
	{"db.statement"},
	{"DbOracleSqlId"},
	{"peer.service"},
}

// String renders a tree, one line per span.
func (s span) String() string {
	var b strings.Builder
	s.write(&b, "")
	return b.String()
}

func (s span) write(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s%s %q of %s", indent, s.kind, s.name, s.service)
	if s.failed {
		b.WriteString(" ERROR")
	}
	for _, exception := range s.exceptions {
		b.WriteString(" exception " + exception)
	}
	for _, names := range shown {
		if value, found := s.attributes[names[0]]; found {
			fmt.Fprintf(b, "\n%s    %s: %s", indent, names[0], value)
		}
	}
	b.WriteByte('\n')
	for _, child := range s.children {
		child.write(b, indent+"  ")
	}
}

// setService sets the service of spans and their descendants.
func setService(spans []span, service string) {
	for i := range spans {
		spans[i].service = service
		setService(spans[i].children, service)
	}
}

// spanTree converts a stored trace to its tree. A valid trace has one root, and the
// parent of every other span is in the trace.
func spanTree(t *testing.T, trace apm.Trace) span {
	t.Helper()
	ids := map[string]bool{}
	for _, stored := range trace.Spans {
		ids[stored.SpanID] = true
	}
	children := map[string][]apm.Span{}
	var roots []apm.Span
	for _, stored := range trace.Spans {
		if ids[stored.ParentSpanID] {
			children[stored.ParentSpanID] = append(children[stored.ParentSpanID], stored)
		} else {
			roots = append(roots, stored)
		}
	}
	var built int
	var build func(apm.Span) span
	build = func(stored apm.Span) span {
		built++
		s := summarize(t, stored)
		below := children[stored.SpanID]
		slices.SortStableFunc(below, byStart)
		for _, child := range below {
			s.children = append(s.children, build(child))
		}
		return s
	}
	if len(roots) != 1 {
		// The comparison with the route's tree will show the problem.
		s := span{kind: "NO", name: fmt.Sprintf("single root: %d", len(roots))}
		for _, root := range roots {
			s.children = append(s.children, build(root))
		}
		return s
	}
	tree := build(roots[0])
	assert.Equal(t, len(trace.Spans), built, "spans of trace %s that hang together", trace.TraceID)
	return tree
}

func byStart(a, b apm.Span) int {
	switch aside := a.Kind == "INTERNAL"; {
	case aside != (b.Kind == "INTERNAL"):
		if aside {
			return 1
		}
		return -1
	case aside:
		return cmp.Or(strings.Compare(a.Name, b.Name), a.StartTime.Compare(b.StartTime))
	}
	return a.StartTime.Compare(b.StartTime)
}

func summarize(t *testing.T, stored apm.Span) span {
	t.Helper()
	s := span{
		kind: stored.Kind, name: stored.Name, service: stored.Service,
		failed: stored.Status.Code == "ERROR", attributes: map[string]string{},
	}
	for _, event := range stored.Events {
		if event.Name == "exception" {
			s.exceptions = append(s.exceptions, text(event.Attributes, "exception.type"))
		}
	}
	for _, names := range shown {
		if value := text(stored.Attributes, names...); value != "" {
			s.attributes[names[0]] = value
		}
	}
	s.query = text(stored.Attributes, "url.query")
	if address, err := url.Parse(text(stored.Attributes, "http.url")); err == nil && s.query == "" {
		s.query = address.RawQuery
	}
	return s
}

// text returns the first attribute that exists, as text.
func text(attributes map[string]any, keys ...string) string {
	for _, key := range keys {
		if value, found := attributes[key]; found {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// route is the expected trace of one kind of request.
type route struct {
	method string
	path   string // names in braces match one segment
	status int
	tree   span
	// further, if set, completes the tree for one trace, given the trace's root.
	further func(t *testing.T, c *client, root, tree span) span
}

func (r route) String() string { return fmt.Sprintf("%s %s %d", r.method, r.path, r.status) }

var pathParameter = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

// matches reports whether a trace with this root belongs to the route.
func (r route) matches(root map[string]string) bool {
	pattern := "^" + pathParameter.ReplaceAllString(regexp.QuoteMeta(r.path), "[^/]+") + "$"
	path, _, _ := strings.Cut(root["http.target"], "?")
	return root["http.method"] == r.method && root["http.status_code"] == strconv.Itoa(r.status) && regexp.MustCompile(pattern).MatchString(path)
}

// edges are the calls in a topology, total and failed, by caller and callee.
type edges map[string][2]int

func (e edges) call(source, target string, failed bool) {
	calls := e[source+" -> "+target]
	calls[0]++
	if failed {
		calls[1]++
	}
	e[source+" -> "+target] = calls
}

// add adds the calls in a trace.
func (e edges) add(tree span) {
	for _, child := range tree.children {
		if tree.kind == "CLIENT" && child.kind == "SERVER" {
			e.call(node(apm.NodeService, tree.service), node(apm.NodeService, child.service), tree.failed || child.failed)
		}
		e.add(child)
	}
	if tree.kind == "CLIENT" && !slices.ContainsFunc(tree.children, func(child span) bool { return child.kind == "SERVER" }) {
		kind, name := apm.NodeExternalUnknown, "External Unknown"
		if peer, found := tree.attributes["peer.service"]; found {
			kind, name = apm.NodeDatabase, peer
		}
		e.call(node(apm.NodeService, tree.service), node(kind, name), tree.failed)
	}
}

func node(kind, name string) string { return kind + " " + name }

// edgesOf returns the edges of the sandbox's topology.
func edgesOf(t *testing.T, topology apm.Topology) edges {
	t.Helper()
	nodes := map[string]string{}
	for _, n := range topology.Nodes {
		nodes[n.ID] = node(n.Kind, n.Name)
	}
	found := edges{}
	for _, edge := range topology.Edges {
		found[nodes[edge.Source]+" -> "+nodes[edge.Target]] = [2]int{edge.Requests, edge.Errors}
	}
	return found
}

// httpAttributes are the attributes of a request's SERVER span.
func httpAttributes(method, target string, status int) map[string]string {
	return map[string]string{"http.method": method, "http.target": target, "http.status_code": strconv.Itoa(status)}
}
