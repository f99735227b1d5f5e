// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package harness // import "github.com/ociapm/otelcol-ociapm/test/harness"

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
	"testing"

	"github.com/stretchr/testify/require"
)

// Collector is a running bin/otelcol-ociapm.
type Collector struct {
	*Process

	// GRPC and HTTP are the addresses, host:port, that accept OTLP.
	GRPC string
	HTTP string
	// Health and Metrics are the addresses of the health check and of the
	// collector's own metrics.
	Health  string
	Metrics string

	// OverridesFile is the path of the file that holds CollectorOptions.Overrides, for
	// tests that change them.
	OverridesFile string

	command []string // with its arguments
	opts    CollectorOptions
}

// CollectorOptions change how a collector is started.
type CollectorOptions struct {
	// Program is the path of the collector; bin/otelcol-ociapm if empty.
	Program string
	// Config is the name of a file in the folder config, or an absolute path;
	// agent.yaml if empty.
	Config string
	// Overrides is YAML that is merged over Config.
	Overrides string
	// Endpoint and DataKey are the destination of uploads and its key.
	Endpoint string
	DataKey  string
	// QueueDirectory holds the durable queue; a folder of the test if empty.
	QueueDirectory string
	// Environment is added to the collector's environment, as KEY=value.
	Environment []string
	// Arguments are added to the command line.
	Arguments []string
	// Wrapper is a command that must execute its last arguments, the collector, in place
	// of itself, without a child process.
	Wrapper []string
}

// StartCollector starts a collector on free loopback ports, waits until it is ready, and
// stops it when the test ends.
func StartCollector(t testing.TB, opts CollectorOptions) *Collector {
	t.Helper()
	c := &Collector{GRPC: FreeAddress(t), HTTP: FreeAddress(t), Health: FreeAddress(t), Metrics: FreeAddress(t)}
	if opts.Config == "" {
		opts.Config = "agent.yaml"
	}
	if opts.Program == "" {
		opts.Program = Binary(t, "otelcol-ociapm")
	}
	if opts.QueueDirectory == "" {
		opts.QueueDirectory = t.TempDir()
	}
	args := []string{"--config", ConfigFile(t, opts.Config), "--config", AddressesFile(t, c.GRPC, c.HTTP, c.Health, c.Metrics)}
	if opts.Overrides != "" {
		c.OverridesFile = writeFile(t, "overrides.yaml", opts.Overrides)
		args = append(args, "--config", c.OverridesFile)
	}

	c.opts = opts
	c.command = slices.Concat(opts.Wrapper, []string{opts.Program}, args, opts.Arguments)
	c.Restart(t)
	return c
}

// AddressesFile writes a configuration that moves any of the ready ones to the given
// addresses, and returns its path.
func AddressesFile(t testing.TB, grpc, http, health, metrics string) string {
	t.Helper()
	return addressesFile(t, grpc, http, health, metrics, `, healthcheckv2: {http: {endpoint: "127.0.0.1:0"}}`)
}

// StockAddressesFile does the same for a collector without healthcheckv2, which does not
// start if its configuration names that.
func StockAddressesFile(t testing.TB, grpc, http, health, metrics string) string {
	t.Helper()
	return addressesFile(t, grpc, http, health, metrics, "")
}

func addressesFile(t testing.TB, grpc, http, health, metrics, moreExtensions string) string {
	t.Helper()
	metricsHost, metricsPort, err := net.SplitHostPort(metrics)
	require.NoError(t, err)
	return writeFile(t, "addresses.yaml", fmt.Sprintf(`
receivers: {otlp: {protocols: {grpc: {endpoint: "%s"}, http: {endpoint: "%s"}}}}
extensions: {health_check: {endpoint: "%s"}%s}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: "%s", port: %s, without_scope_info: true, without_type_suffix: true, without_units: true}}}}]}}}
`, grpc, http, health, moreExtensions, metricsHost, metricsPort))
}

// Restart starts a collector that has exited again, with the same configuration,
// addresses and queue, and waits until it is ready. Environment, as KEY=value, is added
// to that of its options. The output starts empty.
func (c *Collector) Restart(t testing.TB, environment ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	cmd.Env = cleanEnvironment(slices.Concat([]string{
		"APM_ENDPOINT=" + c.opts.Endpoint,
		"APM_DATA_KEY=" + c.opts.DataKey,
		"OTELCOL_QUEUE_DIRECTORY=" + c.opts.QueueDirectory,
	}, c.opts.Environment, environment)...)
	c.Process = Start(t, cmd)
	c.AwaitOutput(t, "Everything is ready")
}

var (
	queueSize     = regexp.MustCompile(`(?m)^otelcol_exporter_queue_size\{[^}]*data_type="traces"[^}]*\} (\S+)$`)
	waitingTraces = regexp.MustCompile(`(?m)^otelcol_processor_durable_tail_sampling_waiting_traces(?:\{[^}]*\})? (\S+)$`)
)

// QueueSize returns the size of the spans' queues, in the unit of their sizer, including
// what is being sent.
func (c *Collector) QueueSize(t testing.TB) float64 {
	t.Helper()
	total, found := c.sum(t, queueSize)
	require.True(t, found, "no queue size among the metrics")
	return total
}

// WaitingTraces returns how many traces wait for the decision of durable_tail_sampling. It
// is 0 if the collector has no such processor.
func (c *Collector) WaitingTraces(t testing.TB) float64 {
	t.Helper()
	total, _ := c.sum(t, waitingTraces)
	return total
}

// sum adds the values of the collector's metrics that match, and reports whether there are
// any.
func (c *Collector) sum(t testing.TB, metric *regexp.Regexp) (total float64, found bool) {
	t.Helper()
	for _, match := range metric.FindAllSubmatch(do(t, http.MethodGet, "http://"+c.Metrics+"/metrics", nil), -1) {
		value, err := strconv.ParseFloat(string(match[1]), 64)
		require.NoError(t, err)
		total, found = total+value, true
	}
	return total, found
}

// RunCollector runs the collector with the given arguments until it exits, and returns
// its output and exit code.
func RunCollector(t testing.TB, env []string, args ...string) (output string, exitCode int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t, "otelcol-ociapm"), args...)
	cmd.Env = cleanEnvironment(append([]string{"OTELCOL_QUEUE_DIRECTORY=" + t.TempDir()}, env...)...)
	p := Start(t, cmd)
	exitCode = p.Wait(t, startTimeout)
	return p.Output(), exitCode
}

// ConfigFile returns the path of a file in the folder config. An absolute path is
// returned unchanged.
func ConfigFile(t testing.TB, name string) string {
	t.Helper()
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(Root(t), "config", name)
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
