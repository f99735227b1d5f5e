// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

func TestProxyFinding(t *testing.T) {
	const target = "https://aaaa.apm-agt.us-phoenix-1.oci.oraclecloud.com/20200101/opentelemetry/v1/traces"
	probe := ociapmexporter.Probe{URL: target, Kind: "proxy", Problem: "it refuses", Advice: "allow it"}
	const proxy = "http://user:secret@proxy:3128" //nolint:gosec // an invented password
	assert.Equal(t, failed(Proxy, "it refuses", "allow it"), proxyFinding(probe, proxy, true))
	assert.Equal(t, skipped(Proxy, "proxy:3128 is not reached: see tcp"), proxyFinding(probe, proxy, false), "one problem is one finding")
	probe = ociapmexporter.Probe{URL: target, Status: http.StatusOK}
	assert.Equal(t, ok(Proxy, "proxy:3128 lets the connection through"), proxyFinding(probe, proxy, true))
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("https_proxy", "")
	assert.Equal(t, skipped(Proxy, "none is set"), proxyFinding(probe, "", true))
	// net/http has read the environment only once, before this.
	t.Setenv("https_proxy", "http://user:100%@proxy")
	assert.Equal(t, skipped(Proxy, "none is used: NO_PROXY has this host, or https_proxy is not the URL of a proxy"), proxyFinding(probe, "", true))
	probe.URL = "http://127.0.0.1:4320/"
	assert.Equal(t, skipped(Proxy, "none is set"), proxyFinding(probe, "", true), "http is for this machine only")
}

// Each ✗ says what to do.
func TestUploadFinding(t *testing.T) {
	for name, tt := range map[string]struct {
		probe ociapmexporter.Probe
		want  Finding
	}{
		"accepted": {ociapmexporter.Probe{URL: "http://a", Status: 200}, ok(UploadLogs, "an empty upload to http://a is accepted")},
		"advice":   {ociapmexporter.Probe{Status: 401, Problem: "401", Advice: "correct it"}, failed(UploadLogs, "401", "correct it")},
		"400": {
			ociapmexporter.Probe{Status: 400, Problem: "400"},
			failed(UploadLogs, "400", "the upload was empty, so the data is not the cause: check the endpoint, and proxies and firewalls on the way"),
		},
		"503": {
			ociapmexporter.Probe{Status: 503, Problem: "503"},
			failed(UploadLogs, "503", "nothing is lost: uploads are queued and retried; if it does not pass, check the endpoint and proxy_url"),
		},
		"timeout": {ociapmexporter.Probe{URL: "http://a", Kind: "timeout", Problem: "context deadline exceeded", Advice: "wait"}, failed(UploadLogs, "no answer from http://a", "wait")},
		"request": {ociapmexporter.Probe{Kind: "connection_broken", Problem: `upload to OCI APM failed: Post "http://a": EOF`, Advice: "b"}, failed(UploadLogs, "EOF", "b")},
		"tls":     {ociapmexporter.Probe{Kind: "tls", Problem: "x"}, skipped(UploadLogs, "see tls")},
		"refused": {ociapmexporter.Probe{Kind: "connection_refused", Problem: "x"}, skipped(UploadLogs, "see tcp")},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, uploadFinding(UploadLogs, tt.probe)) })
	}
}

// The step that failed is the finding.
func TestConnectionFindings(t *testing.T) {
	steps := func(trace *connectionTrace, probe ociapmexporter.Probe) map[string]Finding {
		found := map[string]Finding{}
		for _, f := range trace.findings(probe, "") {
			found[f.ID] = f
		}
		return found
	}
	unknown := steps(&connectionTrace{host: "a.example.com", dnsErr: errors.New("no such host")}, ociapmexporter.Probe{URL: "https://a.example.com", Kind: "dns", Advice: "correct it"})
	assert.Equal(t, failed(DNS, "a.example.com has no address", "correct it"), unknown[DNS])
	assert.Equal(t, skipped(TCP, "not tried"), unknown[TCP])
	assert.Equal(t, Skipped, unknown[TLS].Status)

	refused := steps(&connectionTrace{dialErr: errors.New("10.0.0.1:443: connection refused")}, ociapmexporter.Probe{URL: "https://10.0.0.1", Kind: "connection_refused", Advice: "start it"})
	assert.Equal(t, skipped(DNS, "the address needs none"), refused[DNS])
	assert.Equal(t, failed(TCP, "10.0.0.1:443: connection refused", "start it"), refused[TCP])

	untrusted := steps(&connectionTrace{host: "a", resolved: true, addresses: []string{"10.0.0.1", "10.0.0.2"}, remote: "10.0.0.1:443", secure: true, tlsErr: errors.New("unknown authority")},
		ociapmexporter.Probe{URL: "https://a", Kind: "tls", Advice: "set ca_file"})
	assert.Equal(t, ok(DNS, "a is 10.0.0.1, 10.0.0.2"), untrusted[DNS])
	assert.Equal(t, ok(TCP, "connected to 10.0.0.1:443"), untrusted[TCP])
	assert.Equal(t, failed(TLS, "unknown authority", "set ca_file"), untrusted[TLS])

	for _, f := range steps(&connectionTrace{}, ociapmexporter.Probe{Kind: "discovery"}) {
		assert.Equal(t, skipped(f.ID, "the endpoint is not known"), f)
	}
}
