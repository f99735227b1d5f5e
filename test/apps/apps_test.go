// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// cases are all rows of the table, those of each language in a file of its own.
func cases() []testCase {
	return slices.Concat(
		stayEasyCases,
		pythonCases(),
		webCases(),
		javaCases(),
		nodeCases(),
		goCases(),
		signalCases(),
	)
}

// testCase is one row of the table: databases, the services that use them, the
// requests that they get, and the trace that each request must leave.
type testCase struct {
	name string
	// databases are started first. The first one's address is in the variable
	// DATABASE_URL of every service that names no other.
	databases []func(*testing.T) database
	// services are started in this order. Each gets the address of the one before
	// it in UPSTREAM_URL; the last takes the requests, unless there is a proxy.
	services []service
	// proxy starts a web server in front of the last service; nil is none.
	proxy func(t *testing.T, upstream string) proxy
	// traffic sends the requests, and counts them by route.
	traffic func(t *testing.T, c *client)
	// routes says what each request must leave in APM, span by span.
	routes func(r *running) []route
	// check, if set, looks at what else the case must show.
	check func(t *testing.T, r *running)
}

// service is one app of a case.
type service struct {
	// name is its service.name, and takes the place of my-app in its script.
	name string
	// folders, relative to this one, are copied into the working directory.
	folders []string
	// recipe is the name of the part of docs/apps with the lines that install and
	// start the app, and with files of it; script is these lines where docs/apps has
	// none. The port in them is replaced with a free one.
	recipe string
	script string
	// files are the names of more such parts that have files for the app.
	files []string
	// prepare, if set, changes the working directory before the start.
	prepare func(t *testing.T, folder string)
	// tools installs what the app needs.
	tools func(*testing.T) toolchain
	// environment is added to the app's, as KEY=value.
	environment []string
	// databaseVariable is where the app looks for the first database; DATABASE_URL
	// if empty.
	databaseVariable string
	// ready is a pattern that the app prints when it can be used.
	ready string
	// grpc makes the endpoint, OTEL_EXPORTER_OTLP_ENDPOINT, one that takes
	// OTLP/gRPC; without it the endpoint takes OTLP/HTTP.
	grpc bool
	// counted says that the app adds one byte to the file named SPAN_COUNT_FILE
	// for each span that ends in its SDK.
	counted bool
	// measured says that the app's SDK sends metrics of itself, which tell how many
	// spans have ended.
	measured bool
	// stop is the signal that ends the app orderly; SIGTERM if nil.
	stop os.Signal
}

// toolchain is what an app runs with.
type toolchain struct {
	path        string            // comes first in PATH
	environment []string          // as KEY=value
	links       map[string]string // what the working directory must have, and where that is
	installs    []string          // the packages, as the install line names them
	versions    string            // for the table at the end
}

// proxy is a web server in front of an app.
type proxy struct {
	url     string
	version string // for the table at the end
}

// running is a case while it runs.
type running struct {
	databases []database
	services  []*runningService
	recorder  *recorder
	sandbox   *harness.Sandbox
	collector *harness.Collector
	url       string // takes the requests
	versions  []string
	replayed  int // spans that no service has sent, but the test
}

// runningService is an app, and what it was started with.
type runningService struct {
	service
	*harness.Process

	tools   toolchain
	folder  string // the working directory
	counter string // the file that has a byte for each span, if the app is counted
	url     string
}

func TestApps(t *testing.T) {
	for _, tt := range cases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			row := result{name: tt.name}
			defer func() {
				row.passed = !t.Failed()
				report(row)
			}()
			r := start(t, tt)
			row.versions = strings.Join(r.versions, ", ")

			c := newClient(r)
			tt.traffic(t, c)

			row.sent = r.end(t)
			row.stored = r.sandbox.Counts(t).Spans.Stored
			checkCounts(t, r)
			checkTraces(t, c, tt.routes(r))
			if tt.check != nil {
				tt.check(t, r)
			}
		})
	}
}

// start starts everything of a case.
func start(t *testing.T, tt testCase) *running {
	t.Helper()
	r := &running{}
	for _, startDatabase := range tt.databases {
		db := startDatabase(t)
		r.databases = append(r.databases, db)
		r.versions = append(r.versions, db.version)
	}
	r.sandbox = harness.StartSandbox(t)
	r.collector = harness.StartCollector(t, harness.CollectorOptions{Endpoint: r.sandbox.URL, DataKey: harness.PrivateKey})
	r.recorder = startRecorder(t, r.collector)
	for _, s := range tt.services {
		app := r.startService(t, s)
		r.services = append(r.services, app)
		r.url = app.url
		r.versions = append(r.versions, app.tools.versions)
	}
	if tt.proxy != nil {
		p := tt.proxy(t, r.url)
		r.url = p.url
		r.versions = append(r.versions, p.version)
	}
	slices.Sort(r.versions)
	r.versions = slices.Compact(r.versions)
	return r
}

// startService starts one app as its recipe or its script says.
func (r *running) startService(t *testing.T, s service) *runningService {
	t.Helper()
	app := &runningService{service: s, folder: t.TempDir()}
	app.tools = s.tools(t)
	for _, folder := range s.folders {
		copyFolder(t, filepath.Join(harness.Root(t), "test", "apps", folder), app.folder)
	}
	for name, target := range app.tools.links {
		require.NoError(t, os.Symlink(target, filepath.Join(app.folder, name)))
	}
	for _, name := range s.files {
		writeRecipeFiles(t, name, app.folder)
	}
	if s.prepare != nil {
		s.prepare(t, app.folder)
	}
	script := s.script
	if s.recipe != "" {
		script = recipeScript(t, s.recipe, app)
	}
	address := harness.FreeAddress(t)
	app.url = "http://" + address
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	script = startScript(t, script, s.name, port)

	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	cmd.Dir = app.folder
	cmd.Env = append(cleanEnvironment(), app.tools.environment...)
	cmd.Env = append(cmd.Env, r.environment(app)...)
	cmd.Env = append(cmd.Env, s.environment...)
	cmd.Env = append(cmd.Env, "PORT="+port)
	// A group of its own, so that the workers of a server that had to be killed
	// do not stay.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	app.Process = harness.Start(t, cmd)
	if s.ready != "" {
		app.AwaitOutput(t, s.ready)
		awaitListener(t, address)
	}
	return app
}

// awaitListener waits until somebody listens: some apps say that they are ready a
// moment before.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		return err == nil && conn.Close() == nil
	}, requestTimeout, 20*time.Millisecond, "nobody listens at %s", address)
}

// environment is what the suite tells an app: where the collector, the database
// and the next app are.
func (r *running) environment(app *runningService) []string {
	env := []string{"PATH=" + app.tools.path + string(os.PathListSeparator) + os.Getenv("PATH")}
	if r.recorder != nil {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.recorder.endpoint(app.grpc))
	}
	if app.counted {
		app.counter = filepath.Join(app.folder, "spans-ended")
		env = append(env, "SPAN_COUNT_FILE="+app.counter)
	}
	if len(r.databases) > 0 && r.databases[0].url != "" {
		variable := app.databaseVariable
		if variable == "" {
			variable = "DATABASE_URL"
		}
		env = append(env, variable+"="+r.databases[0].url)
	}
	if len(r.services) > 0 {
		env = append(env, "UPSTREAM_URL="+r.services[len(r.services)-1].url)
	}
	return env
}

// end ends the services, which send what they still hold, and then the
// collector, whose end is the end of everything that it would deliver. It
// returns the number of spans that were sent.
func (r *running) end(t *testing.T) int {
	t.Helper()
	ended, counted := 0, true
	for _, app := range slices.Backward(r.services) {
		if app.stop != nil {
			app.Signal(t, app.stop)
			app.Wait(t, requestTimeout)
		} else {
			app.Stop(t)
		}
		switch {
		case app.counted:
			file, err := os.Stat(app.counter)
			require.NoError(t, err, "no span has ended in %s", app.name)
			ended += int(file.Size())
		case app.measured:
			ended += r.recorder.spansEnded(app.name)
		default:
			counted = false
		}
	}
	sent := len(r.recorder.sent())
	if counted && len(r.services) > 0 {
		assert.Equal(t, ended, sent-r.replayed, "spans that ended in the SDK, and spans that were sent")
	}
	r.collector.Stop(t)
	return sent
}

// cleanEnvironment is this process's environment without what steers the apps.
func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		for _, prefix := range []string{"OTEL", "APM", "PYTHON", "STAYEASY", "DATABASE_URL", "UPSTREAM_URL", "DJANGO", "FLASK"} {
			if strings.HasPrefix(variable, prefix) {
				return true
			}
		}
		return false
	})
}

// checkCounts checks that what was sent is stored, once, and as it was sent.
func checkCounts(t *testing.T, r *running) {
	t.Helper()
	sent := r.recorder.sent()
	counts := r.sandbox.Counts(t)
	assert.Equal(t, len(sent), counts.Spans.Stored, "spans stored")
	assert.Equal(t, len(sent), counts.Spans.Received, "spans received")
	assert.Zero(t, counts.Spans.Duplicates, "duplicates")
	assert.Zero(t, counts.Uploads.Rejected, "uploads rejected")
	assert.Equal(t, r.recorder.dataPoints(), counts.Metrics.DataPoints, "data points of metrics")
	assert.Equal(t, r.recorder.logRecords(), counts.Logs.Records, "log records")
	stored := r.sandbox.Spans(t)
	assert.Len(t, stored, len(sent), "spans in the stored traces")
	for _, span := range stored {
		original, found := sent[span.TraceID+span.SpanID]
		if assert.True(t, found, "a span that no app sent: %s", span.Name) {
			checkUnchanged(t, original, span)
		}
	}
}

// added are the attributes that the collector may add, and only to calls of
// databases.
var added = []string{"db.system", "db.name", "db.statement", "db.operation", "db.sql.table", "peer.service", "net.peer.name", "net.peer.port", "DbStatement", "DbOracleSqlId", "db.query.summary"}

// checkUnchanged checks that a stored span is what the app sent, but for what
// the collector adds.
func checkUnchanged(t *testing.T, sent ptrace.Span, stored apm.Span) {
	t.Helper()
	assert.Equal(t, sent.Name(), stored.Name)
	assert.Equal(t, strings.ToUpper(sent.Kind().String()), stored.Kind)
	assert.Equal(t, sent.ParentSpanID().String(), stored.ParentSpanID)
	assert.Equal(t, sent.StartTimestamp().AsTime(), stored.StartTime)
	assert.Equal(t, sent.EndTimestamp().AsTime(), stored.EndTime)
	assert.Equal(t, strings.ToUpper(sent.Status().Code().String()), stored.Status.Code)
	assert.Equal(t, sent.Status().Message(), stored.Status.Message)
	assert.Len(t, stored.Events, sent.Events().Len())
	assert.Len(t, stored.Links, sent.Links().Len())
	for i, event := range stored.Events {
		assert.Equal(t, sent.Events().At(i).Name(), event.Name)
		for key, value := range sent.Events().At(i).Attributes().AsRaw() {
			assert.EqualValues(t, value, event.Attributes[key], "%s of an event of %s", key, stored.Name)
		}
	}
	attributes := sent.Attributes().AsRaw()
	for key, value := range attributes {
		assert.EqualValues(t, value, stored.Attributes[key], "attribute %s of %s as the app sent it", key, stored.Name)
	}
	database := stored.Kind == "CLIENT" && stored.Attributes["db.system"] != nil
	for key := range stored.Attributes {
		if _, found := attributes[key]; !found {
			assert.True(t, database && slices.Contains(added, key), "attribute %s of %s, which the app did not send", key, stored.Name)
		}
	}
}

// checkTraces checks that there is a trace for every request and no other, that
// each is span by span what its route says, and that the topology is the sum
// of them.
func checkTraces(t *testing.T, c *client, routes []route) {
	t.Helper()
	seen := map[string]int{}
	expected := edges{}
	for _, summary := range c.running.sandbox.Traces(t) {
		trace := c.running.sandbox.Trace(t, summary.TraceID)
		root := spanTree(t, trace)
		if c.traces != nil {
			parent, found := c.traces[trace.TraceID]
			assert.True(t, found, "a trace that no request was sent in: %s", root)
			assert.True(t, slices.ContainsFunc(trace.Spans, func(s apm.Span) bool { return s.ParentSpanID == parent }),
				"no span of the trace is below the one that the request named:\n%s", root)
		}
		at := slices.IndexFunc(routes, func(r route) bool { return r.matches(root.attributes) })
		if !assert.GreaterOrEqual(t, at, 0, "no route for\n%s", root) {
			continue
		}
		kind := routes[at]
		seen[kind.String()]++
		tree := kind.tree
		if kind.further != nil {
			tree = kind.further(t, c, root, tree)
		}
		assert.Equal(t, tree.String(), root.String(), "trace of %s", kind)
		expected.add(tree)
	}
	assert.Equal(t, c.counted, seen, "requests, and traces")
	for _, kind := range routes {
		assert.Positive(t, seen[kind.String()], "the traffic leaves out %s", kind)
	}
	assert.Equal(t, expected, edgesOf(t, c.running.sandbox.Topology(t)), "topology")
}

// copyFolder copies the files below a folder, without what its apps make.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if path != from && (strings.HasPrefix(name, ".") || slices.Contains([]string{"__pycache__", "node_modules", "target"}, name)) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), content, 0o600)
	}), "copying "+from)
}
