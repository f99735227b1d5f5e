// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
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
