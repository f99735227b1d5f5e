// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestConfigValidate(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"listen", func(c *Config) { c.Listen = "localhost" }, `listen address "localhost" is not host:port`},
		{"no private key", func(c *Config) { c.PrivateKey = "" }, "private key must not be empty"},
		{"no public key", func(c *Config) { c.PublicKey = "" }, "public key must not be empty"},
		{"blank", func(c *Config) { c.PrivateKey = "secret key" }, "private key must be printable ASCII without spaces"},
		{"line end", func(c *Config) { c.PublicKey = "secret\n" }, "public key must be printable ASCII without spaces"},
		{"same keys", func(c *Config) { c.PublicKey = c.PrivateKey }, "must differ"},
		{"spans", func(c *Config) { c.MaxSpans = 0 }, "max spans must be at least 1, got 0"},
		{"bytes", func(c *Config) { c.MaxBytes = -1 }, "max bytes must be at least 1, got -1"},
		{"request", func(c *Config) { c.MaxRequestBytes = 0 }, "max request bytes must be at least 1"},
		{"decompressed", func(c *Config) { c.MaxDecompressedBytes = 0 }, "max decompressed bytes must be at least 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := DefaultConfig()
			tc.change(&config)
			_, err := New(config, zap.NewNop())
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), DefaultPrivateKey)
		})
	}
}

func TestStart(t *testing.T) {
	s := start(t)
	require.ErrorIs(t, s.server.Start(t.Context()), errStarted)

	config := DefaultConfig()
	config.Listen = strings.TrimPrefix(s.server.URL(), "http://")
	second, err := New(config, zap.NewNop())
	require.NoError(t, err)
	assert.Empty(t, second.URL())
	require.ErrorContains(t, second.Start(t.Context()), "listen: ")

	// If serving stops by itself, Failed reports it.
	require.NoError(t, s.server.listener.Close())
	require.ErrorIs(t, <-s.server.Failed(), net.ErrClosed)
	require.NoError(t, s.server.Shutdown(t.Context()))
}

func TestURLOfAllInterfaces(t *testing.T) {
	s := start(t, func(c *Config) { c.Listen = ":0" })
	assert.Regexp(t, `^http://localhost:\d+$`, s.server.URL())
	assert.Equal(t, 200, s.do(http.MethodGet, "/healthz", nil, nil).status)
}
