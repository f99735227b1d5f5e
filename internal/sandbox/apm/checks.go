// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

const (
	// parentGrace is how long a parent may be missing: SDKs export every five
	// seconds, and a parent ends after its children.
	parentGrace = 15 * time.Second
	// clockTolerance is the difference between clocks that is not reported.
	clockTolerance = 5 * time.Millisecond
	// futureTolerance is how far ahead of this machine's clock a span may be.
	futureTolerance = time.Minute
	// maxExamples limits the number of spans that a check shows.
	maxExamples = 5
)

// The outcomes of a check.
const (
	CheckPassed = "passed"
	CheckFailed = "failed"
	// CheckNone means that the service sent nothing that could be checked.
	CheckNone = "none"
)

// ServiceChecks holds the results of the checks of a service.
type ServiceChecks struct {
	Service string  `json:"service"`
	Spans   int     `json:"spans"`
	Checks  []Check `json:"checks"`
}

// Check is one condition for APM to show a service correctly.
type Check struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	State string `json:"state"`
	// Checked is the number of spans that were checked, Failed of those that
	// failed.
	Checked int `json:"checked"`
	Failed  int `json:"failed"`
	// Found describes the result in a sentence.
	Found string `json:"found"`
	// Fix says what to do, and Config has the configuration for it; both are
	// set only if the check failed.
	Fix      string         `json:"fix,omitempty"`
	Config   string         `json:"config,omitempty"`
	Examples []CheckExample `json:"examples,omitempty"`
}

// CheckExample is a span that failed a check.
type CheckExample struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
	Name    string `json:"name"`
	Problem string `json:"problem"`
}

// tally holds the counts of one check of one service.
type tally struct {
	checked, failed int
	examples        []CheckExample
	config          string
}

func (t *tally) pass() { t.checked++ }

func (t *tally) fail(s storedSpan, problem string) {
	t.checked++
	t.failed++
	if len(t.examples) < maxExamples {
		t.examples = append(t.examples, CheckExample{
			TraceID: s.span.TraceID().String(), SpanID: s.span.SpanID().String(), Name: shorten(s.span.Name()), Problem: problem,
		})
	}
}

func (t *tally) state() string {
	switch {
	case t.failed > 0:
		return CheckFailed
	case t.checked > 0:
		return CheckPassed
	}
	return CheckNone
}

// serviceTally holds the counts of all checks of one service.
type serviceTally struct {
	name  string
	spans int

	http, statement, peer, parent, clock, split tally

	// The number of database spans without a statement under any name. Spans of
	// connects and pings have none.
	silent        int
	silentExample *storedSpan
	maxSkew       time.Duration
	// The number of database spans, and of calls of other kinds that the processor
	// can name, that have no peer.service.
	unnamedDatabase, nameable int
}

// checksOf checks every service, like the guide's step "Verify in OCI APM",
// sorted by name. Here a trace belongs to the time range in which its last span
// arrived: the clocks of the apps are among what is checked.
func checksOf(traces []storedTrace, within timeRange, now time.Time) []ServiceChecks {
	services := map[string]*serviceTally{}
	var rules peerRules
	for _, trace := range traces {
		if !within.contains(trace.arrived) {
			continue
		}
		byID := make(map[pcommon.SpanID]storedSpan, len(trace.spans))
		answered := map[pcommon.SpanID]struct{}{}
		for _, s := range trace.spans {
			byID[s.span.SpanID()] = s
			if kind := s.span.Kind(); kind == ptrace.SpanKindServer || kind == ptrace.SpanKindConsumer {
				answered[s.span.ParentSpanID()] = struct{}{}
			}
		}
		joined, waited := joinedByServer(trace), now.Sub(trace.arrived) > parentGrace
		for _, s := range trace.spans {
			t := services[s.service]
			if t == nil {
				t = &serviceTally{name: s.service}
				services[s.service] = t
			}
			t.spans++
			_, hasCallee := answered[s.span.SpanID()]
			t.checkAttributes(s)
			t.checkPeer(s, hasCallee, waited, &rules)
			t.checkParent(s, byID, trace.arrived, now)
			t.checkSplit(s, joined, waited)
		}
	}
	checks := make([]ServiceChecks, 0, len(services))
	for _, name := range slices.Sorted(maps.Keys(services)) {
		t := services[name]
		if t.unnamedDatabase+t.nameable > 0 {
			t.peer.config = rules.config()
		}
		checks = append(checks, ServiceChecks{Service: name, Spans: t.spans, Checks: []Check{
			t.serviceName(), t.httpAttributes(), t.databaseStatement(), t.peerService(), t.parents(), t.clocks(), t.splitTraces(),
		}})
	}
	return checks
}

// checkAttributes checks the attributes of a single span.
func (t *serviceTally) checkAttributes(s storedSpan) {
	var span dbspan.Span
	kind := span.Read(s.span.Attributes(), dbspan.LookupScope(s.scope.Name()))
	switch {
	case s.span.Kind() == ptrace.SpanKindServer && (kind == dbspan.KindHTTP || kind == dbspan.KindOther):
		t.checkHTTP(s)
	case s.span.Kind() == ptrace.SpanKindClient && kind == dbspan.KindDatabase:
		t.checkDatabase(s)
	}
}

// httpNames are the attributes that the guide requires on HTTP spans, and their
// equivalents in the stable conventions.
var httpNames = [][]string{
	{"http.method", "http.request.method"},
	{"http.target", "url.path", "http.route", "http.url"},
	{"http.status_code", "http.response.status_code"},
}

func (t *serviceTally) checkHTTP(s storedSpan) {
	var missing []string
	for _, names := range httpNames {
		if !slices.ContainsFunc(names, func(name string) bool { return attribute(s.span, name) != "" }) {
			missing = append(missing, names[0])
		}
	}
	if len(missing) == len(httpNames) && attribute(s.span, "faas.trigger") != "" {
		return // a function call, which may not be HTTP
	}
	if len(missing) > 0 {
		t.http.fail(s, "no "+strings.Join(missing, ", no "))
		return
	}
	t.http.pass()
}

func (t *serviceTally) checkDatabase(s storedSpan) {
	switch {
	case attribute(s.span, "db.statement") != "":
		t.statement.pass()
	case attribute(s.span, "db.query.text") != "":
		t.statement.fail(s, "the statement is in db.query.text only: APM reads db.statement")
	default:
		t.silent++
		if t.silentExample == nil {
			t.silentExample = &s
		}
	}
}

// checkPeer checks that a call leads to a node with a name: hasCallee is whether the
// callee's span is in the trace, waited whether the trace will get no more spans.
func (t *serviceTally) checkPeer(s storedSpan, hasCallee, waited bool, rules *peerRules) {
	if s.span.Kind() != ptrace.SpanKindClient || isPageCall(s) {
		return
	}
	c := calleeOf(s)
	switch {
	case hasCallee || attribute(s.span, "peer.service") != "":
		t.peer.pass()
		return
	case c.kind == NodeDatabase:
		t.unnamedDatabase++
	case !waited:
		return // the callee's span may be on its way
	case c.canBeNamed():
		t.nameable++
	}
	rules.add(c)
	t.peer.fail(s, "no peer.service on a call to "+shorten(c.String()))
}

// checkParent compares a span with its parent.
func (t *serviceTally) checkParent(s storedSpan, byID map[pcommon.SpanID]storedSpan, arrived, now time.Time) {
	start, end := timeOf(s.span.StartTimestamp()), timeOf(s.span.EndTimestamp())
	skew := func(by time.Duration, problem string) {
		t.maxSkew = max(t.maxSkew, by)
		t.clock.fail(s, problem)
	}
	parent, found := byID[s.span.ParentSpanID()]
	if id := s.span.ParentSpanID(); !id.IsEmpty() {
		switch {
		case found:
			t.parent.pass()
		case now.Sub(arrived) > parentGrace:
			t.parent.fail(s, "the parent "+id.String()+" is not there")
		}
	}
	switch {
	case end.Before(start):
		skew(start.Sub(end), "it ends "+roughly(start.Sub(end))+" before it starts")
	case start.After(arrived.Add(futureTolerance)):
		skew(start.Sub(arrived), "it starts "+start.Sub(arrived).Round(time.Second).String()+" after it was uploaded")
	case found && parent.service != s.service && timeOf(parent.span.StartTimestamp()).Sub(start) > clockTolerance:
		by := timeOf(parent.span.StartTimestamp()).Sub(start)
		skew(by, "it starts "+roughly(by)+" before its parent in "+shorten(parent.service))
	case found && parent.service != s.service && parent.span.Kind() == ptrace.SpanKindClient &&
		start.Sub(timeOf(parent.span.EndTimestamp())) > clockTolerance:
		by := start.Sub(timeOf(parent.span.EndTimestamp()))
		skew(by, "it starts "+roughly(by)+" after its parent in "+shorten(parent.service)+" has ended")
	default:
		t.clock.pass()
	}
}

// spansOf returns a number of spans in words.
func spansOf(n int, kind string) string {
	word := strings.TrimSpace(kind + " spans")
	if n == 1 {
		word = strings.TrimSuffix(word, "s")
	}
	return fmt.Sprintf("%d %s", n, word)
}

// roughly formats a duration for reading, not for further computation.
func roughly(d time.Duration) string {
	if d < time.Millisecond {
		return d.String()
	}
	return d.Round(time.Millisecond).String()
}

func (t *tally) check(id, title string) Check {
	return Check{ID: id, Title: title, State: t.state(), Checked: t.checked, Failed: t.failed, Examples: t.examples}
}

func (t *serviceTally) serviceName() Check {
	c := Check{ID: "service_name", Title: "Service name", State: CheckPassed, Checked: t.spans, Found: "The service has a name."}
	if t.name != unknownService && !strings.HasPrefix(t.name, unknownService+":") {
		return c
	}
	c.State, c.Failed = CheckFailed, t.spans
	c.Found = spansOf(t.spans, "") + " of an app that has not said its name."
	c.Fix = "Set the name in the app's environment, and restart the app. For the Apache module it is OpenTelemetrySetResource service.name my-webserver."
	c.Config = "export OTEL_SERVICE_NAME=my-app\n"
	return c
}

func (t *serviceTally) httpAttributes() Check {
	c := t.http.check("http_attributes", "HTTP attributes")
	switch c.State {
	case CheckNone:
		c.Found = "No SERVER spans of HTTP."
	case CheckPassed:
		c.Found = spansOf(c.Checked, "SERVER") + " with method, target and status code."
	default:
		c.Found = fmt.Sprintf("%d of %s without http.method, http.target or http.status_code.", c.Failed, spansOf(c.Checked, "SERVER"))
		c.Fix = "Instrument the web framework or its server (WSGI, ASGI, servlet, …): these attributes come from there. " +
			"Spans that the app creates itself for something other than a request should be of the kind INTERNAL."
	}
	return c
}

func (t *serviceTally) databaseStatement() Check {
	if t.statement.checked == 0 && t.silent > 0 {
		for range t.silent - 1 {
			t.statement.pass()
		}
		t.statement.fail(*t.silentExample, "no db.statement")
		t.statement.failed = t.silent
	}
	c := t.statement.check("database_statement", "Database statement")
	switch c.State {
	case CheckNone:
		c.Found = "No database spans. Does this service use a database? If so, instrument its driver: docs/apps has the lines of each language."
	case CheckPassed:
		c.Found = spansOf(c.Checked, "database") + " with db.statement."
		if t.silent > 0 {
			c.Found += fmt.Sprintf(" %d more without a statement, as is normal for connects and pings.", t.silent)
		}
	default:
		c.Found = fmt.Sprintf("%d of %s without db.statement.", c.Failed, spansOf(c.Checked, "database"))
		c.Fix = "Add the db_span_enricher processor to the pipeline. It sets db.statement from all other names of the statement. " +
			"If the app sends no statement under any name, enable it in the driver's instrumentation."
		c.Config = "service:\n  pipelines:\n    traces:\n      processors: [memory_limiter, resource_detection, db_span_enricher, peer_service]\n"
	}
	return c
}

func (t *serviceTally) peerService() Check {
	c := t.peer.check("peer_service", "peer.service")
	switch c.State {
	case CheckNone:
		c.Found = "No calls to a database or another service."
	case CheckPassed:
		c.Found = spansOf(c.Checked, "CLIENT") + " with the name of what they call, or with the span of the called service."
	default:
		c.Found = fmt.Sprintf("%d of %s without peer.service: the topology shows External Unknown.", c.Failed, spansOf(c.Checked, "CLIENT"))
		switch {
		case t.unnamedDatabase > 0:
			c.Fix = "Add the peer_service processor to the pipeline. Without rules it names every database; a rule chooses the name. "
		case t.nameable > 0:
			c.Fix = "The peer_service processor names these calls with the rules below. "
		default:
			c.Fix = "No attribute of these spans identifies what they call: set peer.service in the app."
		}
		if c.Config = t.peer.config; c.Config != "" {
			c.Fix += "Give the collector these lines in a file, as the last --config: they name the callees of all services. Rules that you have already belong into the same list."
		}
	}
	return c
}

func (t *serviceTally) parents() Check {
	c := t.parent.check("parents", "Parents")
	switch c.State {
	case CheckNone:
		c.Found = "No span has a parent."
	case CheckPassed:
		c.Found = spansOf(c.Checked, "") + " with a parent, and all parents are there."
	default:
		c.Found = fmt.Sprintf("%d of %s with a parent that never arrived: the traces are in pieces.", c.Failed, spansOf(c.Checked, ""))
		c.Fix = "Find the app that created the parent. A SERVER span's parent is in the caller: let it export to a collector too, with the same sampling. " +
			"The parent of any other span is in this app: it ended before its exporter had sent everything (call shutdown at the end), " +
			"or its queue overflowed (raise OTEL_BSP_MAX_QUEUE_SIZE)."
	}
	return c
}

func (t *serviceTally) clocks() Check {
	c := t.clock.check("clock_skew", "Clocks")
	if c.State != CheckFailed {
		c.Found = spansOf(c.Checked, "") + ": timestamps are consistent with parents and with upload time."
		return c
	}
	c.Found = fmt.Sprintf("%d of %s not at the time that they say, by up to %s.", c.Failed, spansOf(c.Checked, ""), roughly(t.maxSkew))
	c.Fix = "Synchronize the clocks of the machines that the two services run on; on OCI the time service is at 169.254.169.254. " +
		"A span that ends before it starts took its two times from different clocks."
	c.Config = "chronyc tracking\n"
	return c
}
