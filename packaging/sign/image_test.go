// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The signature at a registry is one of the image's digest that openssl and cosign
// accept, with this key alone.
func TestSignImage(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/otelcol-ociapm:0.1.0"
	ref, err := name.ParseReference(reference)
	require.NoError(t, err)
	index, err := random.Index(64, 1, 2)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, index))
	digest, err := index.Digest()
	require.NoError(t, err)
	unsigned, err := random.Image(64, 1)
	require.NoError(t, err)
	other := ref.Context().Tag("unsigned")
	require.NoError(t, remote.Write(other, unsigned))
	private, public := newKey(t)
	_, otherKey := newKey(t)
	require.NoError(t, run(private, []string{"image", reference}))

	stored, err := remote.Image(ref.Context().Tag(strings.Replace(digest.String(), ":", "-", 1) + ".sig"))
	require.NoError(t, err)
	manifest, err := stored.Manifest()
	require.NoError(t, err)
	require.Len(t, manifest.Layers, 1)
	layers, err := stored.Layers()
	require.NoError(t, err)
	reader, err := layers[0].Uncompressed()
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	assert.JSONEq(t, `{"critical":{"identity":{"docker-reference":"`+ref.Context().Name()+`"},"image":{"docker-manifest-digest":"`+digest.String()+
		`"},"type":"cosign container image signature"},"optional":null}`, string(content))

	dir := t.TempDir()
	signed, signature := filepath.Join(dir, "payload"), filepath.Join(dir, "signature")
	require.NoError(t, os.WriteFile(signed, content, 0o600))
	require.NoError(t, os.WriteFile(signature+".base64", []byte(manifest.Layers[0].Annotations[signatureAnnotation]), 0o600))
	output, ok := command(t, "openssl", "base64", "-d", "-A", "-in", signature+".base64", "-out", signature)
	require.True(t, ok, output)
	for _, tt := range []struct {
		name, key, reference string
		want                 bool
	}{
		{"same image", public, reference, true},
		{"another key", otherKey, reference, false},
		{"another image", public, other.String(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.reference == reference {
				output, ok := command(t, "openssl", "dgst", "-sha256", "-verify", tt.key, "-signature", signature, signed)
				assert.Equal(t, tt.want, ok, output)
			}
			t.Run("cosign", func(t *testing.T) {
				output, ok := command(t, "cosign", "verify", "--key="+tt.key, "--insecure-ignore-tlog=true", tt.reference)
				assert.Equal(t, tt.want, ok, output)
			})
		})
	}
	require.ErrorContains(t, run(private, []string{"image", ref.Context().Name() + ":nothing"}), ":nothing: ")
	require.EqualError(t, run(private, []string{"image"}), usage)
}
