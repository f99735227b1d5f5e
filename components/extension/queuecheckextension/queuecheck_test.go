// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension/internal/metadata"
)

// It must not move a damaged-looking file: that may be the file of a running
// collector.
func TestItOnlyWarns(t *testing.T) {
	dir := t.TempDir()
	garbage := []byte("this is no queue")
	path := filepath.Join(dir, "exporter_oci_apm__traces")
	require.NoError(t, os.WriteFile(path, garbage, 0o600))
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, &Config{Directory: dir})
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, ext.Shutdown(t.Context()))

	require.Equal(t, 1, logs.Len(), logs.All())
	assert.Equal(t, zap.WarnLevel, logs.All()[0].Level)
	assert.Contains(t, logs.All()[0].Message, "write extensions::queue_storage::directory: "+dir)
	content, err := os.ReadFile(path) //nolint:gosec // of the test
	require.NoError(t, err)
	assert.Equal(t, garbage, content)
}
