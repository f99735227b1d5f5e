// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/internal/buildversion"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

const (
	waitFor = 10 * time.Second
	tick    = 5 * time.Millisecond
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// lockedBuffer can be read while the command writes to it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// serve runs the command until stop is called. stop returns the command's error
// and log.
func serve(t *testing.T, args ...string) (url string, stop func() (string, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := newCommand()
	cmd.SetArgs(append([]string{"--listen", "127.0.0.1:0"}, args...))
	reader, writer := io.Pipe()
	log := &lockedBuffer{}
	cmd.SetOut(writer)
	cmd.SetErr(log)
	done := make(chan error, 1)
	go func() {
		done <- cmd.ExecuteContext(ctx)
		writer.Close()
	}()
	lines := bufio.NewReader(reader)
	line, err := lines.ReadString('\n')
	require.NoError(t, err, log)
	go func() { _, _ = io.Copy(io.Discard, lines) }() // until the command exits
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "apmsandbox ready at ")
	require.True(t, ok, line)
	return url, func() (string, error) {
		cancel()
		err := <-done
		return log.String(), err
	}
}

// upload sends an empty request and returns the HTTP status.
func upload(t *testing.T, url, path, key string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header.Set("Authorization", "dataKey "+key)
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestServe(t *testing.T) {
	url, stop := serve(t)
	assert.Regexp(t, `^http://127\.0\.0\.1:[1-9]\d*$`, url)
	assert.Equal(t, 200, upload(t, url, apm.TracesPath, apm.DefaultPrivateKey))
	assert.Equal(t, 200, upload(t, url, apm.PublicTracesPath, apm.DefaultPublicKey))
	assert.Equal(t, 401, upload(t, url, apm.TracesPath, "wrong"))
	assert.Equal(t, 404, upload(t, url, "/v1/traces", apm.DefaultPrivateKey))
	log, err := stop()
	require.NoError(t, err)
	assert.Contains(t, log, url+"/api/v1/traces")
	assert.Contains(t, log, apm.PublicTracesPath)
	assert.Contains(t, log, "lacks APM's prefix")
	assert.NotContains(t, log, apm.DefaultPrivateKey)
	assert.NotContains(t, log, apm.DefaultPublicKey)
	assert.NotContains(t, log, "other machines")
}

func TestKeys(t *testing.T) {
	t.Setenv(privateKeyEnv, "private-from-env")
	t.Setenv(publicKeyEnv, "public-from-env")
	url, stop := serve(t, "--public-key", "public-from-flag", "--log-level", "DEBUG")
	assert.Equal(t, 200, upload(t, url, apm.TracesPath, "private-from-env"))
	assert.Equal(t, 200, upload(t, url, apm.PublicTracesPath, "public-from-flag"))
	assert.Equal(t, 401, upload(t, url, apm.PublicTracesPath, "public-from-env"))
	assert.Equal(t, 401, upload(t, url, apm.TracesPath, apm.DefaultPrivateKey))
	log, err := stop()
	require.NoError(t, err)
	assert.Contains(t, log, "DEBUG\tupload")
	assert.NotContains(t, log, "-from-")
}

func TestSizeFlags(t *testing.T) {
	url, stop := serve(t, "--max-request-bytes", "1", "--max-decompressed-bytes", "1", "--max-spans", "1", "--max-bytes", "1")
	assert.Equal(t, 413, upload(t, url, apm.TracesPath, apm.DefaultPrivateKey))
	_, err := stop()
	require.NoError(t, err)
}

func TestWarnsWhenOthersCanReachIt(t *testing.T) {
	url, stop := serve(t, "--listen", "0.0.0.0:0")
	assert.Contains(t, url, "http://localhost:")
	log, err := stop()
	require.NoError(t, err)
	assert.Contains(t, log, "other machines can reach the sandbox")
}

func TestBadFlags(t *testing.T) {
	url, stop := serve(t)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown", []string{"--nonsense"}, "unknown flag: --nonsense"},
		{"argument", []string{"start"}, `unknown command "start"`},
		{"listen", []string{"--listen", "4320"}, "is not host:port"},
		{"taken", []string{"--listen", strings.TrimPrefix(url, "http://")}, "is already in use by "},
		{"level", []string{"--log-level", "loud"}, `invalid --log-level "loud"`},
		{"fatal", []string{"--log-level", "fatal"}, "use debug, info, warn or error"},
		{"spans", []string{"--max-spans", "0"}, "max spans must be at least 1"},
		{"no number", []string{"--max-bytes", "1GiB"}, `invalid argument "1GiB"`},
		{"key", []string{"--private-key", "my secret"}, "private key must be printable ASCII without spaces"},
		{"keys", []string{"--private-key", "secret", "--public-key", "secret"}, "must differ"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := newCommand()
			cmd.SetArgs(tc.args)
			var out, errOut bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetErr(&errOut)
			err := cmd.ExecuteContext(t.Context())
			require.ErrorContains(t, err, tc.want)
			assert.Contains(t, errOut.String(), tc.want)
			assert.NotContains(t, errOut.String(), "secret")
			assert.Empty(t, out.String())
		})
	}
	_, err := stop()
	require.NoError(t, err)
}

func TestHelpAndVersion(t *testing.T) {
	t.Setenv(privateKeyEnv, "private-from-env")
	run := func(args ...string) string {
		cmd := newCommand()
		cmd.SetArgs(args)
		var out bytes.Buffer
		cmd.SetOut(&out)
		require.NoError(t, cmd.ExecuteContext(t.Context()))
		return out.String()
	}
	help := run("--help")
	for _, flag := range []string{
		"--listen", "--private-key", "--public-key", "--max-spans", "--max-bytes", "--max-request-bytes",
		"--max-decompressed-bytes", "--oci", "--oci-listen", "--oci-region", "--oci-empty-domain", "--oci-dir", "--log-level", "--version",
	} {
		assert.Contains(t, help, flag)
	}
	for _, path := range []string{
		apm.TracesPath, apm.PrivateTracesPath, apm.PublicTracesPath, apm.MetricsPath, apm.LogsPath, apm.PublicSpanPath, apm.PrivateSpanPath,
	} {
		assert.Contains(t, help, path)
	}
	assert.NotContains(t, help, "private-from-env")

	assert.Equal(t, "apmsandbox version "+buildversion.Text("")+"\n", run("--version"))
	version = "v1.2.3"
	t.Cleanup(func() { version = "" })
	assert.Equal(t, "apmsandbox version v1.2.3\n", run("--version"))
}
