// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/apmsandbox"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// app is one case: an app, how it is started, and what its traces must show.
// A new app is a row here, its routes, and a folder if it needs files.
type app struct {
	name    string
	service string
	folder  string // relative to the repository's root
	tools   func(t *testing.T, folder string) toolchain
	// database starts the database; its URL goes to the app in databaseVariable.
	database         func(t *testing.T) database
	databaseVariable string
	// command starts the app; its first word is a program of the toolchain. In it
	// and in environment (KEY=value) these are replaced: {address}, {host} and
	// {port} to listen on, {folder} of the app, {test} with the test's files for
	// it, and {scratch}, the working directory.
	command     []string
	environment []string
	ready       string // pattern that the app prints when it can be used
	// traffic uses the app through the client.
	traffic func(t *testing.T, c *client)
	routes  []route
	// counts reads what the app's SDK counted, after the app has ended. nil: the
	// recorder in front of the collector is the only count.
	counts func(t *testing.T, running *runningApp) int
}

// route is what the trace of one kind of request must look like.
type route struct {
	method string
	path   string // names in braces stand for one segment
	status int
	// operations are the db.operation values of the database spans, in the order
	// of their start.
	operations []string
	// further, if set, returns how often the last operation comes again.
	further func(t *testing.T, c *client, server apmsandbox.Span) int
}

func (r route) String() string { return fmt.Sprintf("%s %s %d", r.method, r.path, r.status) }

var pathParameter = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

func (r route) matches(server apmsandbox.Span) bool {
	pattern := "^" + pathParameter.ReplaceAllString(regexp.QuoteMeta(r.path), "[^/]+") + "$"
	path := text(server.Attributes, "http.target", "url.path")
	return text(server.Attributes, "http.method", "http.request.method") == r.method &&
		text(server.Attributes, "http.status_code", "http.response.status_code") == strconv.Itoa(r.status) &&
		regexp.MustCompile(pattern).MatchString(path)
}

// runningApp is an app, the programs around it, and what it was started with.
type runningApp struct {
	process   *harness.Process
	recorder  *recorder
	sandbox   *harness.Sandbox
	collector *harness.Collector
	database  database
	tools     toolchain
	folder    string
	scratch   string // the app's working directory
	url       string
}

func TestApps(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			row := result{name: tt.name}
			defer func() {
				row.passed = !t.Failed()
				report(row)
			}()
			running := start(t, tt)
			row.versions = running.tools.versions + ", " + running.database.version

			c := newClient(running)
			tt.traffic(t, c)

			// All that the app has not sent yet, it sends now.
			running.process.Stop(t)
			sent := running.recorder.sent()
			row.sent = len(sent)
			if tt.counts != nil {
				assert.Len(t, sent, tt.counts(t, running), "spans that ended in the SDK, and spans that were sent")
			}
			// The collector's end is the end of everything that it would deliver.
			running.collector.Stop(t)
			row.stored = running.sandbox.Counts(t).Spans.Stored

			checkCounts(t, running.sandbox, sent)
			traces := checkTraces(t, tt, running, sent)
			checkRoutes(t, tt, c, traces)
			checkTopology(t, tt, running, traces)
		})
	}
}

// start starts the database, the sandbox, the collector and the app.
func start(t *testing.T, tt app) *runningApp {
	t.Helper()
	running := &runningApp{folder: filepath.Join(harness.Root(t), tt.folder), scratch: t.TempDir()}
	running.tools = tt.tools(t, running.folder)
	running.database = tt.database(t)
	running.sandbox = harness.StartSandbox(t)
	running.collector = harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: running.sandbox.URL, DataKey: harness.PrivateKey,
	})
	running.recorder = startRecorder(t, running.collector.HTTP)

	cmd, address := command(t, tt, running)
	cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+running.recorder.server.URL)
	running.url = "http://" + address
	running.process = harness.Start(t, cmd)
	running.process.AwaitOutput(t, tt.ready)
	return running
}

// command returns the command that starts the app, and the address that it will
// listen on.
func command(t *testing.T, tt app, running *runningApp) (cmd *exec.Cmd, address string) {
	t.Helper()
	address = harness.FreeAddress(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	replace := strings.NewReplacer("{address}", address, "{host}", host, "{port}", port, "{folder}", running.folder, "{scratch}", running.scratch,
		"{test}", filepath.Join(harness.Root(t), "test", "apps", filepath.Base(tt.folder)))
	var args []string
	for _, arg := range tt.command[1:] {
		args = append(args, replace.Replace(arg))
	}
	cmd = exec.CommandContext(t.Context(), filepath.Join(running.tools.bin, tt.command[0]), args...)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	cmd.Dir = running.scratch
	cmd.Env = append(cleanEnvironment(), running.tools.environment...)
	for _, variable := range tt.environment {
		cmd.Env = append(cmd.Env, replace.Replace(variable))
	}
	if url := running.database.url(); url != "" {
		cmd.Env = append(cmd.Env, tt.databaseVariable+"="+url)
	}
	// A group of its own, so that the workers of a server that had to be killed
	// do not stay.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	return cmd, address
}

// cleanEnvironment is this process's environment without what steers the apps.
func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		for _, prefix := range []string{"OTEL", "APM", "PYTHON", "STAYEASY"} {
			if strings.HasPrefix(variable, prefix) {
				return true
			}
		}
		return false
	})
}

// checkCounts checks that what was sent is stored, once.
func checkCounts(t *testing.T, sandbox *harness.Sandbox, sent map[string]map[string]any) {
	t.Helper()
	counts := sandbox.Counts(t)
	assert.Equal(t, len(sent), counts.Spans.Stored, "spans stored")
	assert.Equal(t, len(sent), counts.Spans.Received, "spans received")
	assert.Zero(t, counts.Spans.Duplicates, "duplicates")
	assert.Zero(t, counts.Uploads.Rejected, "uploads rejected")
}

// checkedTrace is a trace in which everything is in its place.
type checkedTrace struct {
	server   apmsandbox.Span
	database []apmsandbox.Span // in the order of their start
}

// checkTraces checks every stored span by itself and its place in its trace.
func checkTraces(t *testing.T, tt app, running *runningApp, sent map[string]map[string]any) []checkedTrace {
	t.Helper()
	var traces []checkedTrace
	stored := 0
	for _, summary := range running.sandbox.Traces(t) {
		trace := running.sandbox.Trace(t, summary.TraceID)
		byID := map[string]apmsandbox.Span{}
		for _, span := range trace.Spans {
			byID[span.SpanID] = span
		}
		stored += len(trace.Spans)

		var servers, clients []apmsandbox.Span
		for _, span := range trace.Spans {
			assert.Equal(t, tt.service, span.Service)
			assert.Contains(t, sent, span.TraceID+span.SpanID, "a span that the app did not send")
			switch span.Kind {
			case "SERVER":
				servers = append(servers, span)
			case "CLIENT":
				clients = append(clients, span)
				checkDatabaseSpan(t, running.database, span, sent[span.TraceID+span.SpanID])
			}
		}
		if !assert.Len(t, servers, 1, "SERVER spans of trace %s: %v", trace.TraceID, names(trace.Spans)) {
			continue
		}
		for _, span := range trace.Spans {
			top := span
			for range trace.Spans {
				parent, found := byID[top.ParentSpanID]
				if !found {
					break
				}
				top = parent
			}
			assert.Equal(t, servers[0].SpanID, top.SpanID, "the way up from %s ends at %s", span.Name, top.Name)
		}
		traces = append(traces, checkedTrace{server: servers[0], database: clients})
		require.False(t, t.Failed(), "the other traces are not looked at")
	}
	assert.Len(t, sent, stored, "spans in the stored traces")
	return traces
}

// checkDatabaseSpan checks what the guide promises of every database span.
func checkDatabaseSpan(t *testing.T, db database, span apmsandbox.Span, sent map[string]any) {
	t.Helper()
	assert.Equal(t, db.system, span.Attributes["db.system"])
	assert.Equal(t, databaseName, text(span.Attributes, "db.name", "db.namespace"))
	assert.Equal(t, db.peer(), span.Attributes["peer.service"])
	assert.NotContains(t, sent, "peer.service", "the app has no line for it")
	if db.host != "" {
		assert.Equal(t, db.host, text(span.Attributes, "net.peer.name", "server.address"))
		assert.Equal(t, strconv.Itoa(db.port), text(span.Attributes, "net.peer.port", "server.port"))
	}

	statement := text(span.Attributes, "db.statement")
	assert.NotEmpty(t, statement)
	assert.Equal(t, text(sent, "db.statement", "db.query.text"), statement, "the text is the one that the app sent")
	if words := strings.Fields(statement); assert.NotEmpty(t, words) {
		assert.Equal(t, strings.ToUpper(words[0]), span.Attributes["db.operation"])
	}
	for key, value := range sent {
		assert.EqualValues(t, value, span.Attributes[key], "attribute %s as the app sent it", key)
	}
}

// checkRoutes checks that there is a trace for every request, and that it has
// the database spans of its route.
func checkRoutes(t *testing.T, tt app, c *client, traces []checkedTrace) {
	t.Helper()
	seen := map[string]int{}
	for _, trace := range traces {
		at := slices.IndexFunc(tt.routes, func(r route) bool { return r.matches(trace.server) })
		if !assert.GreaterOrEqual(t, at, 0, "no route for %s: %v", trace.server.Name, trace.server.Attributes) {
			continue
		}
		kind := tt.routes[at]
		seen[kind.String()]++
		expected := slices.Clone(kind.operations)
		if kind.further != nil {
			for range kind.further(t, c, trace.server) {
				expected = append(expected, expected[len(expected)-1])
			}
		}
		var operations []string
		for _, span := range trace.database {
			operations = append(operations, text(span.Attributes, "db.operation"))
		}
		assert.Equal(t, expected, operations, "database spans of %s", kind)
	}
	assert.Equal(t, c.requests(), seen, "requests, and traces")
	for _, kind := range tt.routes {
		assert.Positive(t, seen[kind.String()], "the traffic leaves out %s", kind)
	}
}

// checkTopology checks that the service calls the database by its name, with
// every statement counted, and nothing else.
func checkTopology(t *testing.T, tt app, running *runningApp, traces []checkedTrace) {
	t.Helper()
	statements := 0
	for _, trace := range traces {
		statements += len(trace.database)
	}
	topology := running.sandbox.Topology(t)
	type node struct{ name, kind string }
	nodes := map[string]node{}
	for _, n := range topology.Nodes {
		nodes[n.ID] = node{n.Name, n.Kind}
	}
	require.Len(t, topology.Edges, 1)
	edge := topology.Edges[0]
	assert.Equal(t, node{tt.service, apmsandbox.NodeService}, nodes[edge.Source])
	assert.Equal(t, node{running.database.peer(), apmsandbox.NodeDatabase}, nodes[edge.Target])
	assert.Equal(t, statements, edge.Requests)
	assert.Zero(t, edge.Errors)
}

// text returns the first of the attributes that is there, as a text.
func text(attributes map[string]any, keys ...string) string {
	for _, key := range keys {
		if value, found := attributes[key]; found {
			return fmt.Sprint(value)
		}
	}
	return ""
}

func names(spans []apmsandbox.Span) []string {
	var found []string
	for _, span := range spans {
		found = append(found, span.Kind+" "+span.Name)
	}
	return found
}

// client sends requests to an app and counts them by route.
type client struct {
	running *runningApp
	http    *http.Client
	counted map[string]int
	answers map[string]int // what an app's traffic wants to keep for its routes
}

func newClient(running *runningApp) *client {
	return &client{
		running: running,
		http:    &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
		counted: map[string]int{},
		answers: map[string]int{},
	}
}

// count notes n requests to a route.
func (c *client) count(method, path string, status, n int) {
	c.counted[route{method: method, path: path, status: status}.String()] += n
}

// requests returns the number of requests by route.
func (c *client) requests() map[string]int { return c.counted }
