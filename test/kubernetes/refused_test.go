// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const oneSpan = `{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
	"name": "GET /", "kind": 2, "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}]}]}]}`

// An agent whose certificate the gateway does not accept retains its data, as the page
// says. With a token that the gateway does not know, it drops it: upstream's exporter takes
// UNAUTHENTICATED as permanent, as OTLP defines it.
func TestRefusedAgent(t *testing.T) {
	authority := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "senders"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	server := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "gateway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature}, &authority)
	client := &x509.Certificate{
		Subject: pkix.Name{CommonName: "agent"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	accepted, stranger := keyPair(t, issue(t, client, &authority)), keyPair(t, issue(t, client, nil))
	values := harness.PageBlocks(t, "docs/security.md", "agents with certificates", "yaml")
	sandbox := harness.StartSandbox(t)
	files := keyPair(t, server)
	files["client-ca.crt"], files["token"] = certificatePEM(authority), senderToken
	gateway := startGateway(t, sandbox, values[0]+"  token: {secretName: tokens}\n", files)

	// start starts an agent and sends a span to it.
	start := func(t *testing.T, certificate map[string]string, token string) (agent *harness.Collector, dir string) {
		files := maps.Clone(certificate)
		files["ca.crt"], files["token"] = certificatePEM(authority), token
		dir = renderFiles(t, values[1]+"  gatewayToken: {secretName: token}\n", "agent", files)
		agent = harness.StartCollector(t, harness.CollectorOptions{
			Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Environment: []string{"GATEWAY_ENDPOINT=" + gateway.GRPC},
			Arguments: []string{"--config", filepath.Join(dir, "exporter.yaml"), "--config", filepath.Join(dir, "chart.yaml")},
		})
		transport := &http.Transport{DisableKeepAlives: true}
		require.Equal(t, http.StatusOK, roundTrip(t, transport, http.MethodPost, "http://"+agent.HTTP+"/v1/traces", oneSpan, nil).StatusCode)
		return agent, dir
	}
	t.Run("token", func(t *testing.T) {
		agent, _ := start(t, accepted, "another")
		agent.AwaitOutput(t, "Dropping data")
		require.Eventually(t, func() bool { return agent.QueueSize(t) == 0 }, commandTimeout, pollInterval)
		assert.Zero(t, sandbox.Counts(t).Spans.Stored)
	})
	t.Run("certificate", func(t *testing.T) {
		agent, dir := start(t, stranger, senderToken)
		agent.AwaitOutput(t, "Will retry the request")
		assert.Positive(t, agent.QueueSize(t))
		agent.Stop(t)
		for name, content := range accepted {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		agent.Restart(t)
		sandbox.AwaitSpans(t, 1)
	})
}
