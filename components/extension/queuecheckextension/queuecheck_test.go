// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension/internal/metadata"
)

func startIn(t *testing.T, directory string) *observer.ObservedLogs {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	cfg.Directory = directory
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, ext.Shutdown(t.Context()))
	return logs
}

func TestDamagedFileIsSetAside(t *testing.T) {
	dir := t.TempDir()
	sound := filepath.Join(dir, "exporter_oci_apm__logs")
	db, err := bbolt.Open(sound, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	garbage := []byte("this is no queue")
	for _, name := range []string{
		"exporter_oci_apm__traces",
		"processor_durable_tail_sampling_second_traces",
		"exporter_oci_apm__traces.damaged-20260101T000000.000",
		"exporter_oci_apm__traces.2026-01-01T00-00-00.000.backup",
		"receiver_filelog_", // another component's
		"tempdb12345",       // of a compaction
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), garbage, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "exporter_folder"), 0o700))

	logs := startIn(t, dir)
	require.Equal(t, 2, logs.Len(), logs.All())
	assert.Equal(t, filepath.Join(dir, "processor_durable_tail_sampling_second_traces"), logs.All()[1].ContextMap()["file"])
	entry := logs.All()[0]
	assert.Contains(t, entry.Message, "set aside: what it held is not sent")
	assert.Equal(t, filepath.Join(dir, "exporter_oci_apm__traces"), entry.ContextMap()["file"])
	assert.NoFileExists(t, filepath.Join(dir, "exporter_oci_apm__traces"))
	kept, err := os.ReadFile(entry.ContextMap()["set_aside"].(string))
	require.NoError(t, err)
	assert.Equal(t, garbage, kept)
	assert.FileExists(t, sound)

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 8, "nothing else is touched")

	assert.Zero(t, startIn(t, dir).Len(), "a second start finds nothing")
}

func TestMissingDirectory(t *testing.T) {
	assert.Zero(t, startIn(t, filepath.Join(t.TempDir(), "missing")).Len())
}

func TestUnreadableDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	logs := startIn(t, path)
	require.Equal(t, 1, logs.Len())
	assert.Equal(t, "The queue files were not checked", logs.All()[0].Message)
}

func TestValidate(t *testing.T) {
	require.ErrorIs(t, confmap.Validate(createDefaultConfig()), errNoDirectory)
	require.NoError(t, confmap.Validate(&Config{Directory: "/var/lib/otelcol-ociapm/queue"}))
}
