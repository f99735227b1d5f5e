// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const senderToken = "t0ken-of-the-agents"

// Agents send to a gateway with a certificate and a token, as the page says. Others cannot
// send.
func (c *cluster) testSecuredGateway(t *testing.T) {
	authority := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "senders"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	host := "otelcol-ociapm-gateway." + gateways + ".svc"
	server := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "gateway"}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature}, &authority)
	client := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "agent"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, &authority)
	writeSecret(t, gateways, "certificate", keyPair(t, server))
	writeSecret(t, gateways, "senders-ca", map[string]string{"ca.crt": certificatePEM(authority)})
	writeSecret(t, gateways, "tokens", map[string]string{"token": senderToken + "\n"})
	writeSecret(t, agents, "certificate", keyPair(t, client))
	writeSecret(t, agents, "gateway-ca", map[string]string{"ca.crt": certificatePEM(authority)})
	writeSecret(t, agents, "token", map[string]string{"token": senderToken + "\n"})

	values := harness.PageBlocks(t, "docs/security.md", "agents with certificates", "yaml")
	require.Len(t, values, 2)
	gateway := c.install(t, gateways, values[0]+"  token: {secretName: tokens}\n")
	agent := c.install(t, agents, values[1]+"  gatewayToken: {secretName: token}\n")
	sender := startApp(t, 430, "grpc", "$(NODE_IP):4317", podUID)
	sender.sendsOn(t, 10)
	c.requireDelivered(t, sender)
	sender.remove(t)

	pods := podsOf(t, gateways, "app.kubernetes.io/component=gateway")
	require.NotEmpty(t, pods)
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.Leaf)
	stranger := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "agent"}, KeyUsage: x509.KeyUsageDigitalSignature}, nil)
	send := func(scheme, token string, certificates ...tls.Certificate) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+net.JoinHostPort(pods[0].Status.PodIP, "4318")+"/v1/traces", strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: host, Certificates: certificates,
		}}
		client := http.Client{Transport: transport, Timeout: time.Minute}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, nil
	}
	status, err := send("https", senderToken, client)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	status, err = send("https", "another", client)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)
	_, err = send("https", senderToken)
	require.ErrorContains(t, err, "certificate required")
	_, err = send("https", senderToken, stranger)
	require.Error(t, err, "its certificate is its own")
	status, err = send("http", senderToken)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, status, "without TLS")

	agent.uninstall(t)
	gateway.uninstall(t)
}

// writeSecret creates a Secret.
func writeSecret(t *testing.T, namespace, name string, data map[string]string) {
	t.Helper()
	encoded := map[string]string{}
	for key, value := range data {
		encoded[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	secret, err := json.Marshal(object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": name, "namespace": namespace}, "data": encoded})
	require.NoError(t, err)
	apply(t, string(secret))
}

// keyPair returns a certificate and its key as the data of a Secret.
func keyPair(t *testing.T, certificate tls.Certificate) map[string]string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	return map[string]string{
		"tls.crt": certificatePEM(certificate),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

func certificatePEM(certificate tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
}
