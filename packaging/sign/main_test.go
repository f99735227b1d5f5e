// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// command runs a tool, which must be installed, and returns its output and whether it
// succeeded.
func command(t *testing.T, name string, args ...string) (output string, ok bool) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name + " is not installed")
	}
	printed, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(printed), err == nil
}

// newKey returns a throw-away key, and the file with its public part.
func newKey(t *testing.T) (private, public string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	output, ok := command(t, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
	require.True(t, ok, output)
	public = filepath.Join(dir, "key.pub")
	output, ok = command(t, "openssl", "pkey", "-in", path, "-pubout", "-out", public)
	require.True(t, ok, output)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content), public
}

// The signature in a bundle is one that openssl and cosign accept, for this file and this
// key alone.
func TestSign(t *testing.T) {
	private, public := newKey(t)
	_, other := newKey(t)
	file := filepath.Join(t.TempDir(), "archive.tar.gz")
	require.NoError(t, os.WriteFile(file, []byte("content"), 0o600))
	require.NoError(t, run(private, []string{file}))
	changed := filepath.Join(t.TempDir(), "archive.tar.gz")
	require.NoError(t, os.WriteFile(changed, []byte("Content"), 0o600))

	content, err := os.ReadFile(file + suffix)
	require.NoError(t, err)
	var b bundle
	require.NoError(t, json.Unmarshal(content, &b))
	assert.Equal(t, mediaType, b.MediaType)
	signature := filepath.Join(t.TempDir(), "signature")
	require.NoError(t, os.WriteFile(signature, b.MessageSignature.Signature, 0o600))

	for _, tt := range []struct {
		name, key, file string
		want            bool
	}{
		{"same file", public, file, true},
		{"a changed byte", public, changed, false},
		{"another key", other, file, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Run("openssl", func(t *testing.T) {
				output, ok := command(t, "openssl", "dgst", "-sha256", "-verify", tt.key, "-signature", signature, tt.file)
				assert.Equal(t, tt.want, ok, output)
			})
			t.Run("cosign", func(t *testing.T) {
				output, ok := command(t, "cosign", "verify-blob", "--key="+tt.key, "--bundle="+file+suffix, "--insecure-ignore-tlog=true", tt.file)
				assert.Equal(t, tt.want, ok, output)
			})
		})
	}
}

func TestRunErrors(t *testing.T) {
	private, _ := newKey(t)
	dir := t.TempDir()
	rsa := filepath.Join(dir, "rsa.pem")
	output, ok := command(t, "openssl", "genpkey", "-algorithm", "RSA", "-out", rsa)
	require.True(t, ok, output)
	wrong, err := os.ReadFile(rsa)
	require.NoError(t, err)
	for _, tt := range []struct {
		name, key string
		files     []string
		want      string
	}{
		{"no key", "", []string{"a"}, "RELEASE_SIGNING_KEY is no ECDSA key on the curve P-256 in PEM"},
		{"RSA", string(wrong), []string{"a"}, "RELEASE_SIGNING_KEY is no ECDSA key on the curve P-256 in PEM"},
		{"no PKCS #8", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", []string{"a"}, "RELEASE_SIGNING_KEY is no ECDSA key"},
		{"no file", private, nil, "usage: sign FILE"},
		{"missing file", private, []string{filepath.Join(dir, "nothing")}, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorContains(t, run(tt.key, tt.files), tt.want)
		})
	}
}
