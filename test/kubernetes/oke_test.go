// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

const (
	// apiServerAddress is the address of the API server's Service. An OKE cluster
	// exchanges tokens at the same address, on another port.
	apiServerAddress = "10.96.0.1"
	exchangePort     = "12250"
)

// The node's cluster can exchange tokens, as an enhanced OKE cluster does. The agents
// know the APM domain's OCID and request the rest with their service account. OCI is
// emulated; the pods' tokens are real.
func TestOKE(t *testing.T) {
	importImages(t)
	serveNames(t)
	uploads, err := apm.New(apm.DefaultConfig(), zap.NewNop())
	require.NoError(t, err)
	oci, err := ocisandbox.Start(t.Context(), ocisandbox.Config{}, uploads, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, oci.Close()) })
	proxy := relay(t, oci.ProxyURL())
	accounts := exchangeTokens(t, oci)
	ca, err := os.ReadFile(oci.CAFile())
	require.NoError(t, err)

	namespace(t, appNamespace, "restricted")
	namespace(t, agents, "privileged")
	apply(t, command(t, string(ca), "kubectl", "create", "configmap", caVolume, "-n", agents, "--from-file=ca.crt=/dev/stdin", "--dry-run=client", "-o", "yaml"))
	kubectl(t, "create", "configmap", "otelcol-ociapm", "-n", agents,
		"--from-literal=apm_domain_id="+oci.DomainID(), "--from-literal=region="+ocisandbox.DefaultRegion)
	c := &cluster{ca: string(ca)}
	c.overlay(t, "agent-oke", fmt.Sprintf(`
  - target: {kind: DaemonSet, name: otelcol-ociapm-agent}
    patch: |
      apiVersion: apps/v1
      kind: DaemonSet
      metadata: {name: any}
      spec:
        template:
          spec:
            containers:
              - name: collector
                env:
                  - {name: HTTP_PROXY, value: "http://%[1]s"}
                  - {name: HTTPS_PROXY, value: "http://%[1]s"}
                  - {name: NO_PROXY, value: %[2]s}`, proxy, apiServerAddress))
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	sender := startApp(t, 500, "grpc", "$(NODE_IP):4317", podUID)
	sender.sendsOn(t, 10)
	stored := func() int { return uploads.Counts().Spans.Stored }
	require.Eventually(t, func() bool { return stored() > 0 }, commandTimeout, pollInterval, "no span arrives")
	assert.Equal(t, []string{"system:serviceaccount:otelcol-ociapm:otelcol-ociapm-agent"}, accounts())

	t.Run("spans say which pod and which machine they come from", func(t *testing.T) {
		resource := uploads.StoredTraces().ResourceSpans().At(0).Resource().Attributes().AsRaw()
		assert.Equal(t, sender.pod(t).Metadata.Name, resource["k8s.pod.name"])
		assert.Equal(t, "node0", resource["host.name"])
		assert.Equal(t, "oracle_cloud", resource["cloud.provider"])
		assert.Equal(t, ocisandbox.DefaultRegion, resource["cloud.region"])
		assert.NotEmpty(t, resource["oracle_cloud.compartment_id"])
	})

	t.Run("the key is rotated", func(t *testing.T) {
		require.NoError(t, oci.RotateDataKeys(0))
		sender.sendsOn(t, 10)
		before := stored()
		require.Eventually(t, func() bool { return stored() > before }, commandTimeout, pollInterval, "no span arrives with the new key")
		assert.Zero(t, restarts(t, agents), "the agent was restarted")
	})

	report := sender.stop(t)
	require.Empty(t, report.Refused)
	require.Eventually(t, func() bool { return stored() == report.AcceptedSpans() }, commandTimeout, pollInterval,
		"%d spans were accepted", report.AcceptedSpans())
}

// relay makes an address of this machine reachable from pods until the test ends, and
// returns the address to use.
func relay(t *testing.T, target string) string {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(nodeAddress, "0"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				var dialer net.Dialer
				there, err := dialer.DialContext(ctx, "tcp", to.Host)
				if err != nil {
					_ = from.Close()
					return
				}
				closeBoth := sync.OnceFunc(func() { _, _ = from.Close(), there.Close() })
				stop := context.AfterFunc(ctx, closeBoth)
				defer stop()
				running.Go(func() { defer closeBoth(); _, _ = io.Copy(there, from) })
				defer closeBoth()
				_, _ = io.Copy(from, there)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// exchangeTokens serves on the API server's address, as an enhanced OKE cluster does: it
// lets the API server review a pod's token, and requests the service account's token
// from the emulated OCI. The returned function lists the callers, each once.
func exchangeTokens(t *testing.T, oci *ocisandbox.Server) func() []string {
	t.Helper()
	emulated, err := oci.StartCluster(t.Context(), t.TempDir())
	require.NoError(t, err)
	token, err := os.ReadFile(emulated.TokenFile)
	require.NoError(t, err)
	ca, err := os.ReadFile(emulated.CAFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	var host string
	for _, variable := range emulated.Environment {
		if value, ok := strings.CutPrefix(variable, "KUBERNETES_SERVICE_HOST="); ok {
			host = value
		}
	}

	// The address belongs to a Service, and the node forwards only one of its ports.
	command(t, "", "ip", "address", "add", apiServerAddress+"/32", "dev", "lo")
	t.Cleanup(func() { command(t, "", "ip", "address", "delete", apiServerAddress+"/32", "dev", "lo") })
	var mu sync.Mutex
	var accounts []string
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: net.JoinHostPort(host, exchangePort)})
			r.Out.Header.Set("Authorization", "Bearer "+string(token))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	serveTLS(t, net.JoinHostPort(apiServerAddress, exchangePort), clusterCertificate(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, err := review(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		mu.Lock()
		if !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
		mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(accounts)
	}
}

// review asks the API server who a token belongs to.
func review(ctx context.Context, token string) (string, error) {
	request, err := json.Marshal(object{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": object{"token": token}})
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "kubectl", "create", "-o", "json", "-f", "-")
	cmd.Stdin = strings.NewReader(string(request))
	text, err := output(cmd)
	if err != nil {
		return "", err
	}
	var answer struct {
		Status struct {
			Authenticated bool
			Error         string
			User          struct{ Username string }
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", err
	}
	if !answer.Status.Authenticated {
		return "", fmt.Errorf("not authenticated: %s", answer.Status.Error)
	}
	return answer.Status.User.Username, nil
}

// clusterCertificate returns a certificate for the API server's address that pods trust
// like the API server's own.
func clusterCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	pki := filepath.Join(os.Getenv("NODE_RUN"), "pki")
	authority, err := tls.LoadX509KeyPair(filepath.Join(pki, "ca.crt"), filepath.Join(pki, "ca.key"))
	require.NoError(t, err)
	return issue(t, &x509.Certificate{
		IPAddresses: []net.IP{net.ParseIP(apiServerAddress)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &authority)
}
