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

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// cases are all rows of the table. Each language has them in its own file.
func cases() []testCase {
	return slices.Concat(
		stayEasyCases,
		pythonCases(),
		guideCases(),
		webCases(),
		javaCases(),
		nodeCases(),
		goCases(),
		b3Cases(),
		signalCases(),
	)
}

// testCase is one row of the table: databases, the services that use them, the requests
// sent to them, and the trace that each request must leave.
type testCase struct {
	name string
	// databases are started first. The address of the first one is in DATABASE_URL for
	// every service that names no other variable.
	databases []func(*testing.T) database
	// services are started in this order. Each gets the address of the previous one in
	// UPSTREAM_URL. The last one receives the requests, unless there is a proxy.
	services []service
	// proxy starts a web server in front of the last service; nil means no proxy.
	proxy func(t *testing.T, upstream string) proxy
	// traffic sends the requests and counts them by route.
	traffic func(t *testing.T, c *client)
	// routes lists the trace that each request must leave in APM, span by span.
	routes func(r *running) []route
	// check, if set, checks what is special about the case.
	check func(t *testing.T, r *running)
}

// service is one app of a case.
type service struct {
	// name is its service.name. It replaces my-app in its script.
	name string
	// folders, relative to this one, are copied into the working directory.
	folders []string
	// recipe names the part of docs/apps with the lines that install and start the app,
	// and with its files. script is these lines if docs/apps has none. Their port is
	// replaced by a free one.
	recipe string
	script string
	// before has the names of parts whose lines come before the recipe's.
	before []string
	// files has the names of further parts, which have files for the app.
	files []string
	// prepare, if set, changes the working directory before the start.
	prepare func(t *testing.T, folder string)
	// tools installs what the app needs.
	tools func(*testing.T) toolchain
	// environment is added to the app's, as KEY=value.
	environment []string
	// databaseVariable is the variable from which the app reads the first database's
	// address; DATABASE_URL if empty.
	databaseVariable string
	// ready is a pattern that the app prints when it is ready.
	ready string
	// grpc makes OTEL_EXPORTER_OTLP_ENDPOINT an endpoint for OTLP/gRPC. Otherwise it is
	// one for OTLP/HTTP.
	grpc bool
	// guide is whether the app is set up to upload to an APM domain by itself: it gets
	// the collector's address as the domain's, and a data key.
	guide bool
	// counted is whether the app adds one byte to the file named SPAN_COUNT_FILE
	// for each span that ends in its SDK.
	counted bool
	// measured means that the app's SDK sends metrics about itself, from which the test
	// computes how many spans have ended.
	measured bool
	// stop is the signal that shuts the app down cleanly; SIGTERM if nil.
	stop os.Signal
}

// toolchain is the environment that an app runs in.
type toolchain struct {
	path        string            // comes first in PATH
	environment []string          // as KEY=value
	links       map[string]string // links to create in the working directory, and their targets
	installs    []string          // the packages as named by the recipe's install line
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
	url       string // receives the requests
	versions  []string
	replayed  int // spans sent by the test instead of a service
}

// runningService is a running app and the settings that it was started with.
type runningService struct {
	service
	*harness.Process

	tools   toolchain
	folder  string // the working directory
	counter string // the file that has a byte for each span, if the app is counted
	url     string
}

// handlerPause is how long an app's last handler may take to end its span after its
// response has arrived. Java's agent would drop a span that ends during the shutdown.
const handlerPause = 2 * time.Second

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
			time.Sleep(handlerPause)

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

// start starts all programs of a case.
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
		script = recipeScript(t, app)
	}
	address := harness.FreeAddress(t)
	app.url = "http://" + address
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	script = startScript(t, script, s.name, port)

	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start stops it
	cmd.Dir = app.folder
	cmd.Env = append(cleanEnvironment(), app.tools.environment...)
	cmd.Env = append(cmd.Env, r.environment(app)...)
	cmd.Env = append(cmd.Env, s.environment...)
	cmd.Env = append(cmd.Env, "PORT="+port)
	// A separate process group, so that the workers of a killed server do not survive.
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

// awaitListener waits until the address accepts connections: some apps report that they
// are ready slightly too early.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		return err == nil && conn.Close() == nil
	}, requestTimeout, 20*time.Millisecond, "nobody listens at %s", address)
}

// environment is the part of an app's environment that the suite sets: the addresses of
// the collector, the database and the next app.
func (r *running) environment(app *runningService) []string {
	env := []string{"PATH=" + app.tools.path + string(os.PathListSeparator) + os.Getenv("PATH")}
	if r.recorder != nil {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.recorder.endpoint(app.grpc))
	}
	if app.guide {
		env = append(env, "APM_ENDPOINT="+r.recorder.endpoint(false), "APM_DATA_KEY="+guideKey)
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

// end stops the services, which first send their pending spans, and then the collector,
// which first delivers what it has. It returns the number of spans that were sent.
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

// cleanEnvironment is this process's environment without the variables that configure
// the apps.
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

// copyFolder copies the files of a folder, without those that its apps generate.
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
