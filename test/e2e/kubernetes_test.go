// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// inPod is a shell script that mounts a folder, $0, as a pod's service account in a new
// mount namespace, then executes the collector there.
const inPod = `
account=/var/run/secrets/kubernetes.io/serviceaccount
mount -t tmpfs tmpfs /var/run
mkdir -p "$account"
mount --bind "$0" "$account"
exec "$@"`

// An agent that cannot reach its API server, as when a node boots during an upgrade of
// the control plane, starts and accepts spans. Once the server is back, spans get their
// pod's attributes, without a restart.
func TestKubernetesAgentStartsWithoutAPIServer(t *testing.T) {
	const uid = "0f6fb1f0-7f2b-4c0e-9a0c-2f6f6b6f6b6f"
	api := newAPIServer(t, map[string]any{
		"metadata": map[string]any{"name": "shop-1", "namespace": "shops", "uid": uid, "resourceVersion": "1"},
		"spec":     map[string]any{"nodeName": "node0", "containers": []any{}},
		"status":   map[string]any{"phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-11-27T08:00:00Z"},
	})
	account := t.TempDir()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	for name, content := range map[string][]byte{"token": []byte("token"), "namespace": []byte("otelcol-ociapm"), "ca.crt": certificate} {
		require.NoError(t, os.WriteFile(filepath.Join(account, name), content, 0o600))
	}
	key := filepath.Join(t.TempDir(), "data_key")
	require.NoError(t, os.WriteFile(key, []byte(harness.PrivateKey), 0o600))

	sandbox := harness.StartSandbox(t)
	manifests := filepath.Join(harness.Root(t), "deploy", "kubernetes", "base", "agent")
	queue := t.TempDir()
	host, port, err := net.SplitHostPort(api.address)
	require.NoError(t, err)
	start := time.Now()
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Config: filepath.Join(manifests, "collector.yaml"), Endpoint: sandbox.URL,
		Arguments: []string{
			"--config", filepath.Join(manifests, "exporter.yaml"),
			"--config", "yaml:exporters: {oci_apm: {data_key_file: " + key + "}}",
			"--config", "yaml:extensions: {queue_storage: {directory: " + queue + "}}",
		},
		Environment: []string{"KUBERNETES_SERVICE_HOST=" + host, "KUBERNETES_SERVICE_PORT=" + port, "KUBE_NODE_NAME=node0"},
		Wrapper:     []string{"unshare", "--mount", "--map-root-user", "sh", "-ec", inPod, account},
	})
	assert.Less(t, time.Since(start), 15*time.Second)

	client := newOTLPClient(t, collector.GRPC)
	send := func(id byte) string {
		td := databaseSpan(id)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("k8s.pod.uid", uid)
		client.send(t, td)
		sandbox.AwaitSpans(t, int(id))
		return sandbox.Spans(t)[0].TraceID
	}
	send(1)
	assert.NotContains(t, sandbox.Spans(t)[0].Resource, "k8s.pod.name")

	api.serve(t)
	id := byte(1)
	require.Eventually(t, func() bool {
		id++
		return sandbox.Trace(t, send(id)).Spans[0].Resource["k8s.pod.name"] == "shop-1"
	}, 2*time.Minute, 500*time.Millisecond, "the agent does not find the API server again")
}

// apiServer implements the part of a Kubernetes API server that k8s_attributes needs,
// with one pod.
type apiServer struct {
	*httptest.Server
	address string
}

// newAPIServer returns a server that does not listen until serve is called.
func newAPIServer(t *testing.T, pod map[string]any) *apiServer {
	t.Helper()
	mux := http.NewServeMux()
	for path, list := range map[string]map[string]any{
		"/api/v1/pods":       {"kind": "PodList", "items": []any{pod}},
		"/api/v1/namespaces": {"kind": "NamespaceList", "items": []any{}},
	} {
		list["apiVersion"], list["metadata"] = "v1", map[string]any{"resourceVersion": "1"}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch {
			case r.URL.Query().Has("sendInitialEvents"): // the client then falls back to a list
				w.WriteHeader(http.StatusUnprocessableEntity)
			case r.URL.Query().Has("watch"):
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			default:
				_ = json.NewEncoder(w).Encode(list)
			}
		})
	}
	server := httptest.NewTLSServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &apiServer{Server: server, address: harness.FreeAddress(t)}
}

// serve starts listening.
func (s *apiServer) serve(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() { _ = s.Config.Serve(tls.NewListener(listener, s.TLS)) }()
}
