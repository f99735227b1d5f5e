// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	apmHost = "apm.oci.test"
	// caVolume makes a collector trust the sandbox's certificate.
	caVolume = "test-ca"
	caFolder = "/etc/test-ca"
)

// cluster is what all tests of running pods share: images, names, and OCI APM.
type cluster struct {
	sandbox *harness.Sandbox
	ca      string // PEM
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	importImages(t)
	serveNames(t)
	c := &cluster{sandbox: harness.StartSandbox(t, "--max-spans=2000000", "--max-bytes=2147483648")}
	c.serveTLS(t)
	return c
}

// serveTLS adds TLS in front of the sandbox: without TLS the exporter sends no key to
// another machine.
func (c *cluster) serveTLS(t *testing.T) {
	t.Helper()
	certificate := issue(t, &x509.Certificate{
		DNSNames: []string{apmHost},
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, nil)
	c.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))

	target, err := url.Parse(c.sandbox.URL)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	serveTLS(t, net.JoinHostPort(nodeAddress, "443"), certificate, &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog:  log.New(io.Discard, "", 0), // failed handshakes are expected
	})
}

// issue returns a certificate signed by the authority, or a self-signed one if authority
// is nil.
func issue(t *testing.T, template *x509.Certificate, authority *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := template, crypto.PrivateKey(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serveTLS serves on an address of the node until the test ends.
func serveTLS(t *testing.T, address string, certificate tls.Certificate, handler http.Handler) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           handler,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}},
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(listener, "", "") })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
}

// prepare creates what collectors need in a namespace: the Secret, and the sandbox's
// certificate.
func (c *cluster) prepare(t *testing.T, namespace string) {
	t.Helper()
	c.writeSecret(t, namespace, harness.PrivateKey)
	c.trust(t, namespace)
}

// trust creates the ConfigMap with the sandbox's certificate.
func (c *cluster) trust(t *testing.T, namespace string) {
	t.Helper()
	apply(t, command(t, c.ca, "kubectl", "create", "configmap", caVolume, "-n", namespace, "--from-file=ca.crt=/dev/stdin", "--dry-run=client", "-o", "yaml"))
}

// writeSecret creates or changes the Secret as documented in the README.
func (c *cluster) writeSecret(t *testing.T, namespace, key string) {
	t.Helper()
	apply(t, command(t, key, "kubectl", "create", "secret", "generic", "otelcol-ociapm", "-n", namespace,
		"--from-literal=endpoint=https://"+apmHost, "--from-file=data_key=/dev/stdin", "--dry-run=client", "-o", "yaml"))
}

// overlay applies an overlay of deploy/kubernetes with the additions of a user's
// overlay: trust in the sandbox's certificate, and patches. It is removed when the test
// ends.
func (c *cluster) overlay(t *testing.T, name string, patches ...string) {
	t.Helper()
	dir := t.TempDir()
	path, err := filepath.Rel(dir, filepath.Join(harness.Root(t), "deploy", "kubernetes", "overlays", name))
	require.NoError(t, err)
	trust := func(kind, containers string) string {
		return fmt.Sprintf(`
  - target: {kind: %s, labelSelector: app.kubernetes.io/name=otelcol-ociapm}
    patch: |
      apiVersion: apps/v1
      kind: %s
      metadata: {name: any}
      spec:
        template:
          spec:
            %s:
              - name: collector
                env: [{name: SSL_CERT_DIR, value: %s}]
                volumeMounts: [{name: %s, mountPath: %s}]
            volumes: [{name: %s, configMap: {name: %s}}]`, kind, kind, containers, caFolder, caVolume, caFolder, caVolume, caVolume)
	}
	content := "resources: [" + path + "]\npatches:" + trust("DaemonSet", "containers") + trust("Deployment", "containers") + trust("StatefulSet", "containers") + strings.Join(patches, "")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600))
	manifests := kubectl(t, "kustomize", dir)
	apply(t, manifests)
	t.Cleanup(func() {
		command(t, manifests, "kubectl", "delete", "--wait", "--ignore-not-found", "-f", "-")
	})
}

// rolledOut waits until all pods of a workload are ready.
func rolledOut(t *testing.T, namespace, workload string) {
	t.Helper()
	_, err := tryCommand(t, "", "kubectl", "rollout", "status", "-n", namespace, workload, "--timeout=120s")
	if err != nil {
		t.Log(kubectl(t, "describe", "pods", "-n", namespace))
		logs, _ := tryCommand(t, "", "kubectl", "logs", "-n", namespace, workload, "--all-containers", "--tail=40")
		t.Log(logs)
	}
	require.NoError(t, err)
}

// app is a pod that sends spans.
type app struct {
	namespace, name string
}

// startApp starts an app that sends to host:port, and waits until it sends. The address
// may use $(NODE_IP), the resource attributes $(POD_UID).
func startApp(t *testing.T, id int, protocol, address, resource string) *app {
	t.Helper()
	a := &app{appNamespace, fmt.Sprintf("app-%d", id)}
	apply(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {resource.opentelemetry.io/deployment.environment.name: test}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 5
      securityContext: {runAsNonRoot: true, runAsUser: 10000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          image: testapp:dev
          command: [/testapp, send]
          env:
            - {name: APP_ID, value: "%[3]d"}
            - {name: NODE_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
            - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
            - {name: OTEL_RESOURCE_ATTRIBUTES, value: %[6]s}
            - {name: OTLP_PROTOCOL, value: %[4]s}
            - {name: OTLP_ADDRESS, value: %[5]s}
          readinessProbe: {httpGet: {path: /report, port: 8080}, periodSeconds: 1}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`, a.name, a.namespace, id, protocol, address, resource))
	rolledOut(t, a.namespace, "deployment/"+a.name)
	return a
}

// pod is the part of a pod that the tests read.
type pod struct {
	Metadata struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"metadata"`
	Status struct {
		PodIP string `json:"podIP"`
	} `json:"status"`
}

func (a *app) pod(t *testing.T) pod {
	t.Helper()
	pods := podsOf(t, a.namespace, "app="+a.name)
	require.Len(t, pods, 1)
	return pods[0]
}

func podsOf(t *testing.T, namespace, selector string) []pod {
	t.Helper()
	return kubectlJSON[struct {
		Items []pod `json:"items"`
	}](t, "pods", "-n", namespace, "-l", selector, "--field-selector=status.phase=Running").Items
}

// report returns what the app has sent so far.
func (a *app) report(t *testing.T) otlpload.Report {
	t.Helper()
	return a.ask(t, http.MethodGet, "/report")
}

// stop stops the app's load and returns everything that it has sent.
func (a *app) stop(t *testing.T) otlpload.Report {
	t.Helper()
	return a.ask(t, http.MethodPost, "/stop")
}

func (a *app) ask(t *testing.T, method, path string) otlpload.Report {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+net.JoinHostPort(a.pod(t).Status.PodIP, "8080")+path, http.NoBody)
	require.NoError(t, err)
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, Timeout: 2 * time.Minute}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var report otlpload.Report
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&report))
	return report
}

// sendsOn waits until at least n more of the app's requests are accepted.
func (a *app) sendsOn(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		report := a.report(t)
		return report.AcceptedSpans() / report.Spans
	}
	want := count() + n
	require.Eventually(t, func() bool { return count() >= want }, 2*time.Minute, pollInterval, "%s makes no progress: %+v", a.name, a.report(t).Why)
}

// requireDelivered stops the apps and requires that every accepted span is stored.
func (c *cluster) requireDelivered(t *testing.T, apps ...*app) {
	t.Helper()
	for _, a := range apps {
		report := a.stop(t)
		require.Empty(t, report.Refused)
		require.Positive(t, report.AcceptedSpans())
		missing := -1
		require.Eventually(t, func() bool {
			missing = c.sandbox.Missing(t, report)
			return missing == 0
		}, 2*time.Minute, time.Second, "accepted spans of %s are not stored", a.name)
		t.Logf("%s: %d spans accepted, %d missing, %d retries (%s)", a.name, report.AcceptedSpans(), missing, report.Retries, report.Why)
	}
	counts := c.sandbox.Counts(t)
	t.Logf("stored %d spans, %d duplicates; uploads by status: %v", counts.Spans.Stored, counts.Spans.Duplicates, counts.Uploads.ByStatus)
}

// serveNames replaces the cluster's DNS, which the node does not have: it resolves the
// names of Services and of OCI APM.
func serveNames(t *testing.T) {
	t.Helper()
	var config net.ListenConfig
	conn, err := config.ListenPacket(t.Context(), "udp", net.JoinHostPort(nodeAddress, "53"))
	require.NoError(t, err)
	var serving sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	serving.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, client, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			query := append([]byte(nil), buffer[:n]...)
			serving.Go(func() {
				if answer, err := answerName(ctx, query); err == nil {
					_, _ = conn.WriteTo(answer, client)
				}
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		serving.Wait()
	})
}

func answerName(ctx context.Context, query []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil || len(message.Questions) != 1 {
		return nil, fmt.Errorf("not a question: %w", err)
	}
	question := message.Questions[0]
	addresses, found := lookUp(ctx, question.Name.String())
	message.Response, message.Authoritative, message.RecursionAvailable = true, true, true
	message.Additionals = nil
	if !found {
		message.RCode = dnsmessage.RCodeNameError
	}
	if question.Type == dnsmessage.TypeA {
		for _, address := range addresses {
			message.Answers = append(message.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return message.Pack()
}

// lookUp returns the addresses of a name.
func lookUp(ctx context.Context, name string) (addresses []netip.Addr, found bool) {
	name = strings.TrimSuffix(name, ".")
	if name == apmHost {
		return []netip.Addr{netip.MustParseAddr(nodeAddress)}, true
	}
	parts := strings.Split(strings.TrimSuffix(name, ".svc.cluster.local"), ".")
	if !strings.HasSuffix(name, ".svc.cluster.local") || len(parts) != 2 {
		return nil, false
	}
	address, err := output(exec.CommandContext(ctx, "kubectl", "get", "service", "-n", parts[1], parts[0], "-o", "jsonpath={.spec.clusterIP}"))
	if err != nil {
		return nil, false
	}
	if address != "None" {
		service, parseErr := netip.ParseAddr(address)
		return []netip.Addr{service}, parseErr == nil
	}
	slices, err := output(exec.CommandContext(ctx, "kubectl", "get", "endpointslices", "-n", parts[1], "-l", "kubernetes.io/service-name="+parts[0],
		"-o", `jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.addresses[0]}{"\n"}{end}`))
	if err != nil {
		return nil, false
	}
	for _, field := range strings.Fields(slices) {
		if address, err := netip.ParseAddr(field); err == nil && address.Is4() {
			addresses = append(addresses, address)
		}
	}
	return addresses, true
}
