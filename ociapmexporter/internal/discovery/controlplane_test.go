// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// dispatcher answers the requests of the SDK.
type dispatcher struct {
	statuses []int // of the next answers; later ones are 200
	requests int
}

// Do implements common.HTTPRequestDispatcher.
func (d *dispatcher) Do(req *http.Request) (*http.Response, error) {
	d.requests++
	status, body := http.StatusOK, `{"displayName":"shop","lifecycleState":"ACTIVE","dataUploadEndpoint":"`+testEndpoint+`"}`
	if strings.HasSuffix(req.URL.Path, "/dataKeys") {
		body = `[{"name":"private","type":"PRIVATE","value":"` + testKey + `"}]`
	}
	if len(d.statuses) > 0 {
		status, d.statuses = d.statuses[0], d.statuses[1:]
		body = `{"code":"Refused","message":"no"}`
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// startControlPlane returns a control plane whose requests a dispatcher answers. Its
// credentials are in a file.
func startControlPlane(t *testing.T, answers *dispatcher) *controlPlane {
	t.Helper()
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	content := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key.pem"), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(
		"[DEFAULT]\nuser=ocid1.user.oc1..u\ntenancy=ocid1.tenancy.oc1..t\nfingerprint=aa:bb\nkey_file="+filepath.Join(dir, "key.pem")+"\n"), 0o600))
	set := testSettings(componenttest.NewNopTelemetrySettings())
	set.Auth = ociauth.Config{Type: ociauth.TypeConfigFile, ConfigFile: filepath.Join(dir, "config")}
	plane, err := newControlPlane(set)
	require.NoError(t, err)
	t.Cleanup(plane.close)
	require.NoError(t, plane.prepare(t.Context()))
	plane.client.HTTPClient = answers
	return plane
}

// The discoverer decides when to retry. The SDK does not retry, whatever its environment
// says.
func TestSDKDoesNotRetry(t *testing.T) {
	t.Setenv("OCI_SDK_DEFAULT_RETRY_ENABLED", "true")
	answers := &dispatcher{statuses: []int{503, 503, 503, 503}}
	_, err := startControlPlane(t, answers).get(t.Context())
	require.ErrorContains(t, err, "503")
	assert.Equal(t, 1, answers.requests)
}

// At debug level, the SDK would log data keys, and not to the collector's log.
func TestSDKLogsNothing(t *testing.T) {
	const child = "OCIAPM_TEST_SDK_LOG"
	if os.Getenv(child) != "" {
		got, err := startControlPlane(t, &dispatcher{}).get(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{testKey}, got.keys)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSDKLogsNothing$", "-test.count=1") //nolint:gosec // this test's own program
	cmd.Env = append(os.Environ(), "OCI_GO_SDK_DEBUG=v", child+"=1")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "the child fails")
	assert.Contains(t, string(output), "PASS")
	assert.NotContains(t, string(output), "DEBUG")
	if strings.Contains(string(output), testKey) {
		t.Error("the data key is in the log of the SDK")
	}
}

// forgetful is an identity that gets new credentials after each Forget.
type forgetful struct {
	identity
	forgotten int
}

// Forget implements identity.
func (f *forgetful) Forget() { f.forgotten++ }

// If OCI refuses the credentials, they are forgotten, and new ones are tried at once.
// After any other error the credentials are kept.
func TestRefusedCredentialsAreForgotten(t *testing.T) {
	for _, tt := range []struct {
		name      string
		statuses  []int
		forgotten int
		works     bool
	}{
		{"accepted", nil, 0, true},
		{"refused", []int{401}, 1, true},
		{"refused again", []int{401, 401}, 1, false},
		{"not allowed", []int{404}, 0, false},
		{"unavailable", []int{503}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answers := &dispatcher{statuses: tt.statuses}
			plane := startControlPlane(t, answers)
			identity := &forgetful{identity: plane.identity}
			plane.identity = identity
			_, err := plane.get(t.Context())
			assert.Equal(t, tt.works, err == nil, err)
			assert.Equal(t, tt.forgotten, identity.forgotten)
		})
	}
}

var _ common.HTTPRequestDispatcher = (*dispatcher)(nil)
