// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	testEndpoint = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
	testKey      = "SECRETKEY0123456789"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestURLs(t *testing.T) {
	unset := URLs{
		Traces:  testEndpoint + "/20200101/opentelemetry/v1/traces",
		Metrics: testEndpoint + "/20200101/opentelemetry/v1/metrics",
		Logs:    testEndpoint + "/20200101/opentelemetry/v1/logs",
	}
	private := unset
	private.Traces = testEndpoint + "/20200101/opentelemetry/private/v1/traces"
	private.DataKeyType = DataKeyTypePrivate
	public := unset
	public.Traces = testEndpoint + "/20200101/opentelemetry/public/v1/traces"
	public.DataKeyType = DataKeyTypePublic
	unset.TracesFallback = private.Traces

	tests := []struct {
		endpoint string
		keyType  DataKeyType
		want     URLs
	}{
		{testEndpoint, DataKeyTypeUnset, unset},
		{testEndpoint, DataKeyTypePrivate, private},
		{testEndpoint, DataKeyTypePublic, public},
		// What users paste.
		{testEndpoint + "/", DataKeyTypeUnset, unset},
		{testEndpoint + "//", DataKeyTypeUnset, unset},
		{"  " + testEndpoint + "\n", DataKeyTypeUnset, unset},
		{testEndpoint + "/20200101", DataKeyTypeUnset, unset},
		{testEndpoint + "/20200101/opentelemetry/", DataKeyTypeUnset, unset},
		{testEndpoint + "/20200101/opentelemetry/v1/traces", DataKeyTypeUnset, unset},
		{testEndpoint + "/20200101/opentelemetry/v1/metrics", DataKeyTypeUnset, unset},
		{testEndpoint + "/20200101/opentelemetry/v1/traces", DataKeyTypePublic, public},
		{testEndpoint + "/20200101/opentelemetry/private/v1/traces", DataKeyTypeUnset, private},
		{testEndpoint + "/20200101/opentelemetry/public/v1/traces/", DataKeyTypeUnset, public},
		{testEndpoint + "/20200101/opentelemetry/public", DataKeyTypePublic, public},
	}
	for _, tt := range tests {
		t.Run(tt.endpoint+" "+string(tt.keyType), func(t *testing.T) {
			got, err := Parse(tt.endpoint, tt.keyType)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestURLsOfThisMachine(t *testing.T) {
	for _, endpoint := range []string{
		"http://localhost:4320", "http://127.0.0.1:4320", "http://127.8.9.10", "http://[::1]:4320",
		"http://[::ffff:127.0.0.1]:4320", "http://LOCALHOST:4320", "http://apm.localhost:4320",
	} {
		t.Run(endpoint, func(t *testing.T) {
			got, err := Parse(endpoint, DataKeyTypeUnset)
			require.NoError(t, err)
			assert.Equal(t, endpoint+"/20200101/opentelemetry/v1/traces", got.Traces)
		})
	}
}

func TestEndpointRefused(t *testing.T) {
	const ask = "write the Data Upload Endpoint of the APM domain, https://<prefix>.apm-agt.<region>.oci.oraclecloud.com"
	tests := []struct {
		endpoint string
		want     []string
	}{
		{"", []string{"it is empty", ask}},
		{"  ", []string{"it is empty", ask}},
		{"https://<apm-domain>.apm-agt.<region>.oci.oraclecloud.com", []string{"still has a <placeholder> in it", ask}},
		{"aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"has no scheme; write https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"}},
		{"//aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com/v1?dataKey=" + testKey, []string{"has no scheme; write https://aaaabbbb.apm-agt"}},
		{"localhost:4320", []string{"has no scheme"}},
		{"https://", []string{"names no host", ask}},
		{"https://:443", []string{"names no host", ask}},
		{"https://[::1", []string{"it is not a URL", ask}},
		{"grpc://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"its scheme is not supported", "write https://aaaabbbb.apm-agt"}},
		{"https://apm-trace.eu-frankfurt-1.oci.oraclecloud.com", []string{"is a management host of OCI, which accepts no uploads", ask}},
		{"https://apm-cp.eu-frankfurt-1.oci.oraclecloud.com/20200630", []string{"is a management host of OCI", ask}},
		{"https://APM-CONFIG.eu-frankfurt-1.oci.oraclecloud.com", []string{"is a management host of OCI", ask}},
		{"https://cloud.oracle.com/apm-traces", []string{"is a management host of OCI", ask}},
		{"http://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"would send the data key unencrypted over the network; write https://aaaabbbb.apm-agt"}},
		{"http://10.0.0.5:4320", []string{"would send the data key unencrypted"}},
		{"http://localhost.example.com", []string{"would send the data key unencrypted"}},
		{"http://127.0.0.1.example.com", []string{"would send the data key unencrypted"}},
		{testEndpoint + "?dataKey=" + testKey, []string{"accepts no query or fragment"}},
		{testEndpoint + "#x", []string{"accepts no query or fragment"}},
		{testEndpoint + "/v1/traces", []string{"path /v1/traces is not one of OCI APM's upload paths; write " + testEndpoint + ", the exporter adds the path"}},
		{testEndpoint + "/20200101/observations/public-span", []string{"path /20200101/observations/public-span is not one of OCI APM's upload paths"}},
		// A key in the wrong place.
		{testKey, []string{"it has no scheme; write https://<host of the Data Upload Endpoint>"}},
		{testKey + ":443", []string{"has no scheme"}},
		{"//" + testKey + "/v1", []string{"has no scheme"}},
		{testKey + "://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"its scheme is not supported"}},
		{"grpc://" + testKey, []string{"its scheme is not supported"}},
		{"http://" + testKey + ".apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"would send the data key unencrypted"}},
		{testEndpoint + "/" + testKey, []string{"its path is not one of OCI APM's upload paths"}},
		{testEndpoint + "?" + testKey + "#" + testKey, []string{"accepts no query or fragment"}},
		{"https://apm-cp." + testKey + ".example.com", []string{"its host is a management host of OCI"}},
		{"https://" + testKey + "%zz", []string{"it is not a URL"}},
		{"https://user:" + testKey + "@aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", []string{"it has a user name or password in it"}},
	}
	for _, tt := range tests {
		t.Run(tt.endpoint, func(t *testing.T) {
			_, err := Parse(tt.endpoint, DataKeyTypeUnset)
			require.Error(t, err)
			require.ErrorContains(t, err, "endpoint: ")
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			assert.NotContains(t, strings.ToUpper(err.Error()), strings.ToUpper(testKey))
		})
	}
}
