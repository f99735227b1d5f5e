// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A connection that sends nothing, or only half a request, is closed. Otherwise clients
// could hold the collector's memory and file descriptors indefinitely.
func TestHalfOpenConnectionsAreClosed(t *testing.T) {
	const longest = 20 * time.Second // the longest timeout is 10 s
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: domainEndpoint, DataKey: harness.PrivateKey})
	for port, address := range map[string]string{"otlp": collector.HTTP, "health": collector.Health, "metrics": collector.Metrics} {
		for what, request := range map[string]string{
			"silent":         "",
			"half a head":    "GET / HTTP/1.1\r\nHost: localhost\r\n",
			"half a body":    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"kept for later": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		} {
			t.Run(port+"/"+what, func(t *testing.T) {
				t.Parallel()
				if port == "metrics" && what == "kept for later" {
					t.Skip("its timeout is two minutes and cannot be configured")
				}
				var dialer net.Dialer
				conn, err := dialer.DialContext(t.Context(), "tcp", address)
				require.NoError(t, err)
				defer conn.Close()
				_, err = conn.Write([]byte(request))
				require.NoError(t, err)
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(longest)))
				_, err = io.Copy(io.Discard, conn)
				assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "still open after %s", longest)
			})
		}
	}
}

// Every shipped configuration sets all timeouts, because neither server has one by
// default.
func TestShippedTimeouts(t *testing.T) {
	root := harness.Root(t)
	var files []string
	for _, pattern := range []string{"config/*.yaml", "deploy/kubernetes/base/*/collector.yaml", "deploy/kubernetes/components/*/sidecar.yaml", "deploy/operator/collector.yaml", "deploy/helm/*/files/*/*.yaml"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		files = append(files, matches...)
	}

	servers := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var config map[string]any
		require.NoError(t, yaml.Unmarshal(content, &config))
		if spec, ok := config["spec"].(map[string]any); ok { // the operator's resource
			config = spec["config"].(map[string]any)
		}
		for _, path := range [][]string{{"receivers", "otlp", "protocols", "http"}, {"extensions", "health_check"}, {"extensions", "healthcheckv2", "http"}} {
			server := config
			for _, key := range path {
				server, _ = server[key].(map[string]any)
			}
			if server == nil || filepath.Base(file) == "pod.yaml" { // it is merged over sidecar.yaml
				continue
			}
			servers++
			for _, timeout := range []string{"read_header_timeout", "read_timeout", "write_timeout", "idle_timeout"} {
				assert.NotEmpty(t, server[timeout], "%s: %v::%s", file, path, timeout)
			}
		}
	}
	assert.GreaterOrEqual(t, servers, 3*9)
}
