// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	gatewayService = "gateway"
	shopService    = "shop"
	webService     = "apache-web-server" // in the captured spans
)

// webCases are two services and a database behind a web server.
func webCases() []testCase {
	plain := func(name string, start func(*testing.T, string) proxy) testCase {
		return testCase{
			name:      name + ", two services, psycopg2",
			databases: []func(*testing.T) database{shopPostgreSQL},
			services:  twoServices(),
			proxy:     start,
			traffic: func(t *testing.T, c *client) {
				t.Helper()
				for range shopRounds {
					for _, r := range webRequests {
						c.trace(newTraceID(), newSpanID())
						c.request(t, r.method, r.path, r.path, r.body, r.status, nil)
					}
				}
			},
			routes: webRoutes,
		}
	}
	captured := plain("Apache httpd with its module (captured spans over gRPC)", apache)
	captured.traffic = replayTraffic
	captured.routes = replayRoutes
	return []testCase{plain("Apache httpd", apache), plain("nginx", nginx), captured}
}

// twoServices are the shop in Starlette and a Flask service in front of it.
func twoServices() []service {
	shop := asgiRow{framework: "starlette", server: "uvicorn"}.service()
	shop.name = shopService
	return []service{shop, {
		name: gatewayService, folders: []string{"python/gateway"},
		script: `export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
opentelemetry-instrument flask run --port 8000`,
		tools: python("flask requests opentelemetry-distro", "test/apps/python/gateway/requirements.txt"),
		ready: `Running on http://`, counted: true, stop: os.Interrupt,
	}}
}

// webRequests are the shop's requests with the gateway's responses.
var webRequests = []struct {
	method, path, body string
	status             int
}{
	{http.MethodGet, "/items", "", http.StatusOK},
	{http.MethodGet, "/items/1", "", http.StatusOK},
	{http.MethodPost, "/items", `{"name": "water"}`, http.StatusCreated},
	{http.MethodGet, "/missing", "", http.StatusNotFound},
	{http.MethodGet, "/error", "", http.StatusInternalServerError},
	{http.MethodGet, "/broken", "", http.StatusInternalServerError},
	// The gateway's timeout is shorter than the statement's time limit.
	{http.MethodGet, "/slow", "", http.StatusGatewayTimeout},
}

// webRoutes are the shop's routes below the gateway's spans. The proxy in front creates
// no spans: it forwards the trace context.
func webRoutes(r *running) []route {
	row := asgiRow{framework: "starlette", server: "uvicorn"}
	app := shopOn["psycopg2"]
	row.show(&app)
	return behindGateway(app.routes(shopService, r.databases[0]))
}

// behindGateway puts the gateway's spans above the shop's.
func behindGateway(routes []route) []route {
	for i := range routes {
		below := routes[i].tree
		status := below.attributes["http.status_code"]
		call := span{
			kind: "CLIENT", name: routes[i].method, service: gatewayService, children: []span{below},
			attributes: map[string]string{"http.method": routes[i].method, "http.status_code": status},
			failed:     routes[i].status >= http.StatusBadRequest,
		}
		if routes[i].path == "/slow" {
			delete(call.attributes, "http.status_code")
			call.exceptions = []string{"requests.exceptions.ReadTimeout"}
		}
		routes[i].tree = span{
			kind: "SERVER", name: routes[i].method + " /<path:path>", service: gatewayService, children: []span{call},
			attributes: httpAttributes(routes[i].method, routes[i].path, routes[i].status), failed: below.failed,
		}
	}
	return routes
}

// replays pair requests captured from a real Apache httpd with the shop's requests: the
// SERVER span's target, and the request.
var replays = []struct {
	target  string
	traceID string // as captured
	request int    // of webRequests
}{
	{"/api/echo", "4b66fd1a22ba95406f6f83793740cec2", 0},
	{"/api/orders", "286aae4fbe05d6ecdcbe382da16700db", 2},
	{"/api/status/404", "939d2013f7298e04065a1032810e5fde", 3},
	{"/api/status/500", "798aad88033ca507a7f40e7dde93f651", 5},
}

// replayTraffic sends, for each request to the shop, the web server's captured spans
// over gRPC, and makes the shop's spans their children. Only ids and times are changed.
func replayTraffic(t *testing.T, c *client) {
	t.Helper()
	conn, err := grpc.NewClient(c.running.recorder.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	for range shopRounds {
		for _, replay := range replays {
			request := webRequests[replay.request]
			captured := capturedSpans(t, replay.traceID)
			spans := captured.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			trace, server, call := newTraceID(), newSpanID(), newSpanID()
			begin := time.Now()
			c.trace(trace, call)
			require.Equal(t, request.status, c.send(t, request.method, request.path, request.body, nil))
			for _, s := range spans.All() {
				s.SetTraceID(trace)
				s.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
				s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
				if s.Kind() == ptrace.SpanKindServer {
					s.SetSpanID(server)
				} else {
					s.SetSpanID(call)
					s.SetParentSpanID(server)
				}
			}
			_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(captured))
			require.NoError(t, err)
			c.running.replayed += spans.Len()
			c.count(request.method, replay.target, replayStatus(request.status), 1)
		}
	}
}

// replayStatus is the status of the captured request that represents one with the given
// status: the only captured success is 200.
func replayStatus(status int) int {
	if status < http.StatusMultipleChoices {
		return http.StatusOK
	}
	return status
}

// replayRoutes are the routes behind the proxy, each below the captured spans.
func replayRoutes(r *running) []route {
	byPath := map[string]span{}
	for _, behind := range webRoutes(r) {
		byPath[behind.method+behind.path] = behind.tree
	}
	var routes []route
	for _, replay := range replays {
		request := webRequests[replay.request]
		target := replay.target
		if target == "/api/echo" {
			target += "?x=1"
		}
		status := replayStatus(request.status)
		call := span{
			kind: "CLIENT", name: "HTTP " + request.method, service: webService, children: []span{byPath[request.method+request.path]},
			attributes: map[string]string{"http.method": request.method, "http.status_code": strconv.Itoa(status)},
		}
		routes = append(routes, route{method: request.method, path: replay.target, status: status, tree: span{
			kind: "SERVER", name: "HTTP " + request.method, service: webService, children: []span{call},
			attributes: httpAttributes(request.method, target, status),
		}})
	}
	return routes
}

// capturedSpans returns the SERVER and the CLIENT span of one request that a real Apache
// httpd with the OpenTelemetry module sent; see the README of test/e2e/testdata.
func capturedSpans(t *testing.T, traceID string) ptrace.Traces {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "test", "e2e", "testdata", "apache-httpd", "propagating.jsonl"))
	require.NoError(t, err)
	for line := range bytes.Lines(content) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		require.NoError(t, err)
		spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		spans.RemoveIf(func(s ptrace.Span) bool { return s.TraceID().String() != traceID })
		if spans.Len() == 2 {
			return td
		}
	}
	require.FailNow(t, "no captured request", traceID)
	return ptrace.Traces{}
}

// trace makes the next requests part of a trace, with the given parent span, as a
// browser or a web server would.
func (c *client) trace(trace pcommon.TraceID, parent pcommon.SpanID) {
	c.header.Set("traceparent", fmt.Sprintf("00-%s-%s-01", trace, parent))
	if c.traces == nil {
		c.traces = map[string]string{}
	}
	c.traces[trace.String()] = parent.String()
}

func newTraceID() pcommon.TraceID {
	var id pcommon.TraceID
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func newSpanID() pcommon.SpanID {
	var id pcommon.SpanID
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// apache starts Debian's Apache httpd as a reverse proxy.
func apache(t *testing.T, upstream string) proxy {
	t.Helper()
	modules := "/usr/lib/apache2/modules"
	return startProxy(t, "apache2", func(folder, address string) (string, []string) {
		return fmt.Sprintf(`ServerRoot %[1]s
ServerName %[2]s
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
DefaultRuntimeDir %[1]s
LoadModule mpm_event_module %[3]s/mod_mpm_event.so
LoadModule authz_core_module %[3]s/mod_authz_core.so
LoadModule proxy_module %[3]s/mod_proxy.so
LoadModule proxy_http_module %[3]s/mod_proxy_http.so
ProxyPass / %[4]s/
`, folder, address, modules, upstream), []string{"-d", folder, "-f", filepath.Join(folder, "proxy.conf"), "-DFOREGROUND"}
	})
}

// nginx starts Debian's nginx as a reverse proxy.
func nginx(t *testing.T, upstream string) proxy {
	t.Helper()
	return startProxy(t, "nginx", func(folder, address string) (string, []string) {
		return fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    server {
        listen %[2]s;
        location / { proxy_pass %[3]s; }
    }
}
`, folder, address, upstream), []string{"-p", folder, "-e", "stderr", "-c", filepath.Join(folder, "proxy.conf")}
	})
}

// startProxy starts a web server in the foreground with the configuration and the
// arguments that configure returns.
func startProxy(t *testing.T, name string, configure func(folder, address string) (config string, args []string)) proxy {
	t.Helper()
	owner := unprivileged(t, "www-data")
	folder := owner.folder(t)
	address := harness.FreeAddress(t)
	config, args := configure(folder, address)
	file := filepath.Join(folder, "proxy.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	owner.own(t, file)
	server := harness.Start(t, owner.command(t, program(t, name), args...))
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return false
		}
		return assert.NoError(t, conn.Close())
	}, requestTimeout, 20*time.Millisecond, "%s does not listen: %s", name, server.Output())
	return proxy{url: "http://" + address, version: name + " " + serverVersion(t, name)}
}

// serverVersion returns the version that a web server prints to standard output or
// standard error.
func serverVersion(t *testing.T, name string) string {
	t.Helper()
	cmd := unprivileged(t, "www-data").command(t, program(t, name), "-v")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err)
	_, version, _ := strings.Cut(string(output), "/")
	return strings.Fields(version)[0]
}
