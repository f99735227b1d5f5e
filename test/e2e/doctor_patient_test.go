// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// patient is a collector for apmctl doctor, and what the outputs are without.
type patient struct {
	sandbox     *harness.Sandbox
	collector   *harness.Collector // nil if it does not run
	arguments   []string           // of apmctl doctor
	environment []string
	wrapper     []string
	names       map[string]string // replaced in the output
	configFile  string            // of OCI, if there is an emulated one
}

// newPatient starts a sandbox and a collector that uploads to it, or to the endpoint of
// the options.
func newPatient(t *testing.T, opts harness.CollectorOptions) *patient {
	t.Helper()
	p := &patient{names: map[string]string{}}
	if opts.Endpoint == "" {
		p.sandbox = harness.StartSandbox(t)
		opts.Endpoint = p.sandbox.URL
	}
	if opts.DataKey == "" {
		opts.DataKey = harness.PrivateKey
	}
	if opts.QueueDirectory == "" {
		opts.QueueDirectory = filepath.Join(t.TempDir(), "queue")
	}
	p.collector = harness.StartCollector(t, opts)
	p.arguments = []string{"--pid", strconv.Itoa(p.collector.Pid())}
	p.names[opts.QueueDirectory] = "/queue"
	_, host, _ := strings.Cut(opts.Endpoint, "://")
	p.names[host] = "APM"
	for name, address := range map[string]string{"GRPC": p.collector.GRPC, "HTTP": p.collector.HTTP, "HEALTH": p.collector.Health, "METRICS": p.collector.Metrics} {
		p.names[address] = name
	}
	return p
}

// sendOne sends a trace to the collector, as an app does, and waits until it is uploaded.
func (p *patient) sendOne(t *testing.T) {
	t.Helper()
	sender, err := otlpload.NewGRPCSender(p.collector.GRPC)
	require.NoError(t, err)
	load := otlpload.Start(t.Context(), otlpload.NewApp(1, sender, otlpload.Options{Pause: 20 * time.Millisecond}))
	p.sandbox.AwaitSpans(t, 1)
	load.Finish()
	require.Eventually(t, func() bool { return p.collector.QueueSize(t) == 0 }, 10*time.Second, 50*time.Millisecond, "the queue is not empty")
}

// run runs apmctl doctor and returns its output and exit code.
func (p *patient) run(t *testing.T, arguments ...string) (output string, exitCode int) {
	t.Helper()
	command := append(append(p.wrapper, harness.Binary(t, "apmctl"), "doctor", "--wait=10s"), append(p.arguments, arguments...)...)
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, p.environment...)
	process := harness.Start(t, cmd)
	exitCode = process.Wait(t, time.Minute)
	return process.Output(), exitCode
}

var (
	continued  = regexp.MustCompile(`\n {10,}([^ -])`)
	traceIDs   = regexp.MustCompile(`trace [0-9a-f]{32}`)
	pids       = regexp.MustCompile(`\b\S+ \(pid \d+\)|\bpid \d+`)
	free       = regexp.MustCompile(`[0-9.]+ (KiB|MiB|GiB) are free`)
	counted    = regexp.MustCompile(`\b\d+ (spans|requests|attempts)\b`)
	portions   = regexp.MustCompile(`\(\d+ % of the queue\)`)
	moments    = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`)
	certs      = regexp.MustCompile(`valid until \S+`)
	requestIDs = regexp.MustCompile(`opc-request-id [^)]*`)
	configured = regexp.MustCompile(`(?s)^Configuration.*?\n\n`)
)

// requireGolden compares the output, with sentences on one line, and without what differs
// from run to run.
func (p *patient) requireGolden(t *testing.T, name, output string) {
	t.Helper()
	text := output
	for _, old := range slices.SortedFunc(maps.Keys(p.names), func(a, b string) int { return len(b) - len(a) }) {
		text = inPieces(old).ReplaceAllString(text, p.names[old])
	}
	text = continued.ReplaceAllString(text, " $1")
	text = regexp.MustCompile(`\n {10,}- `).ReplaceAllString(text, "\n                    - ")
	for _, pattern := range []struct {
		matches *regexp.Regexp
		with    string
	}{
		{traceIDs, "trace ID"},
		{pids, "PROCESS"},
		{free, "SIZE are free"},
		{counted, "N $1"},
		{portions, "(N % of the queue)"},
		{moments, "TIME"},
		{certs, "valid until DATE"},
		{requestIDs, "opc-request-id ID"},
		{configured, "Configuration\n\n"},
	} {
		text = pattern.matches.ReplaceAllString(text, pattern.with)
	}
	path := filepath.Join("testdata", "doctor", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// inPieces matches a word that may be cut at the end of a line.
func inPieces(word string) *regexp.Regexp {
	var pattern strings.Builder
	for _, character := range word {
		pattern.WriteString(regexp.QuoteMeta(string(character)) + `(?:\n {10,})?`)
	}
	return regexp.MustCompile(strings.TrimSuffix(pattern.String(), `(?:\n {10,})?`))
}

// reverse returns a server that passes requests on to a sandbox, and changes the answers.
func reverse(t *testing.T, sandbox *harness.Sandbox, change func(*http.Response)) *httptest.Server {
	t.Helper()
	target, err := url.Parse(sandbox.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(resp *http.Response) error { change(resp); return nil }
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server
}

// stoppedCollector is a collector that does not run.
type stoppedCollector struct {
	endpoint, queue string
	http            string
	wrapper         []string
	configs         []string
}

// stopped returns a patient whose collector does not run.
func stopped(change func(*testing.T, *stoppedCollector)) func(t *testing.T) (*patient, []string) {
	return func(t *testing.T) (*patient, []string) {
		sandbox := harness.StartSandbox(t)
		grpc, health, metrics := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
		s := &stoppedCollector{endpoint: sandbox.URL, queue: filepath.Join(t.TempDir(), "queue"), http: harness.FreeAddress(t)}
		s.configs = []string{harness.ConfigFile(t, "agent.yaml"), harness.AddressesFile(t, grpc, s.http, health, metrics)}
		change(t, s)
		p := &patient{sandbox: sandbox, wrapper: s.wrapper, names: map[string]string{
			s.queue: "/queue", strings.TrimPrefix(sandbox.URL, "http://"): "APM", grpc: "GRPC", s.http: "HTTP", health: "HEALTH", metrics: "METRICS",
		}}
		p.environment = []string{"APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + s.queue}
		if s.endpoint != "" {
			p.environment = append(p.environment, "APM_ENDPOINT="+s.endpoint)
		}
		for _, config := range s.configs {
			p.arguments = append(p.arguments, "--config", config)
		}
		return p, nil
	}
}

// anotherUser makes the queue folder that of another user.
func anotherUser(t *testing.T, s *stoppedCollector) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, which changes the user")
	}
	folder, err := os.MkdirTemp("", "doctor") //nolint:usetesting // others may not enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755)) //nolint:gosec // others enter it
	s.queue = filepath.Join(folder, "queue")
	require.NoError(t, os.Mkdir(s.queue, 0o700))
	for i, config := range s.configs {
		content, readErr := os.ReadFile(config)
		require.NoError(t, readErr)
		s.configs[i] = filepath.Join(folder, filepath.Base(config))
		require.NoError(t, os.WriteFile(s.configs[i], content, 0o644)) //nolint:gosec // others read it
	}
	for _, name := range []string{"apmctl", "otelcol-ociapm"} {
		if err = os.Link(harness.Binary(t, name), filepath.Join(folder, name)); err != nil {
			t.Skip("the folder for temporary files is on another disk:", err)
		}
	}
	// The first argument is the program in bin, which others may not read.
	s.wrapper = []string{"setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c", `shift; exec "$0" "$@"`, filepath.Join(folder, "apmctl")}
}

// fullDisk puts the queue folder on a disk without free space.
func fullDisk(t *testing.T, s *stoppedCollector) {
	t.Helper()
	require.NoError(t, os.Mkdir(s.queue, 0o700))
	s.wrapper = []string{
		"unshare", "--map-root-user", "--mount", "sh", "-c",
		fmt.Sprintf(`mount -t tmpfs -o size=64k queue %s && exec "$@"`, s.queue), "sh",
	}
	if err := exec.CommandContext(t.Context(), s.wrapper[0], append(s.wrapper[1:], "true")...).Run(); err != nil {
		t.Skip("nothing can be mounted here:", err)
	}
}

// newCloud starts an emulated OCI and a collector. With a configuration, the collector
// gets endpoint and key by the domain's OCID.
func newCloud(t *testing.T, config oci.Config, collectorConfig string) (*patient, *oci.Server) {
	t.Helper()
	sandbox := apm.DefaultConfig()
	sandbox.Listen, sandbox.PrivateKey = "127.0.0.1:0", harness.PrivateKey
	uploads, err := apm.New(sandbox, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, uploads.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, uploads.Shutdown(context.Background())) })
	config.Listen = "127.0.0.1:0"
	cloud, err := oci.Start(t.Context(), config, uploads, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	file, err := cloud.WriteConfigFile(t.TempDir())
	require.NoError(t, err)
	opts := harness.CollectorOptions{Endpoint: uploads.URL(), Environment: cloud.Environment()}
	if collectorConfig != "" {
		opts.Config, opts.Overrides = collectorConfig, "exporters: {oci_apm: {auth: {type: config_file, config_file: "+file.Path+"}}}"
		opts.Environment = append(opts.Environment, "TEST_DOMAIN_ID="+cloud.DomainID())
	}
	p := newPatient(t, opts)
	p.configFile = file.Path
	p.names[cloud.DomainID()] = "OCID"
	p.names[strings.TrimPrefix(cloud.ProxyURL(), "http://")] = "PROXY"
	host := strings.TrimPrefix(cloud.UploadEndpoint(), "https://")
	p.names[host], p.names[host+"/20200101"] = "DOMAIN", "DOMAIN/20200101"
	return p, cloud
}
