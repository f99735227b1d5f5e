// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package storage tests components that keep data in queue_storage together with it:
// components do not import each other.
package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

type host struct {
	component.Host
	storage component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("queue_storage"): h.storage}
}

// startSampler starts a sampler with its journal in a folder.
func startSampler(t *testing.T, directory, decisionWait string) (processor.Traces, *consumertest.TracesSink) {
	t.Helper()
	storages := queuestorageextension.NewFactory()
	cfg := storages.CreateDefaultConfig().(*queuestorageextension.Config)
	cfg.Directory = directory
	storage, err := storages.Create(t.Context(), extensiontest.NewNopSettings(storages.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))

	samplers := durabletailsamplingprocessor.NewFactory()
	samplerConfig := samplers.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"storage":       "queue_storage",
		"decision_wait": decisionWait,
		"policies":      []any{map[string]any{"name": "all", "type": "always_sample"}},
	}).Unmarshal(samplerConfig))
	sink := &consumertest.TracesSink{}
	sampler, err := samplers.CreateTraces(t.Context(), processortest.NewNopSettings(samplers.Type()), samplerConfig, sink)
	require.NoError(t, err)
	require.NoError(t, sampler.Start(t.Context(), host{Host: componenttest.NewNopHost(), storage: storage}))
	t.Cleanup(func() {
		assert.NoError(t, sampler.Shutdown(context.Background()))
		assert.NoError(t, storage.Shutdown(context.Background()))
	})
	return sampler, sink
}

// Spans that wait for a decision survive a kill, even if the journal's range of batches
// is damaged or outdated.
func TestJournal(t *testing.T) {
	const traces = 20
	directory := t.TempDir()
	sampler, _ := startSampler(t, directory, "1h")
	for i := range traces {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		span.SetTraceID(id)
		span.SetSpanID([8]byte(id[8:]))
		require.NoError(t, sampler.ConsumeTraces(t.Context(), td))
	}
	flip := func(records int) func(t *testing.T, content []byte) {
		return func(t *testing.T, content []byte) {
			t.Helper()
			at := len(content)
			for range records {
				at = bytes.LastIndex(content[:at], []byte("index"))
				require.Positive(t, at)
				content[at+6] ^= 1
			}
		}
	}
	for name, damage := range map[string]func(*testing.T, []byte){
		"killed": func(*testing.T, []byte) {}, "the last index damaged": flip(1), "every index damaged": flip(traces),
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			require.NoError(t, os.CopyFS(copied, os.DirFS(directory)))
			paths, err := filepath.Glob(filepath.Join(copied, "processor_durable_tail_sampling__traces.queue", "*.log"))
			require.NoError(t, err)
			require.Len(t, paths, 1)
			content, err := os.ReadFile(paths[0])
			require.NoError(t, err)
			damage(t, content)
			require.NoError(t, os.WriteFile(paths[0], content, 0o600))
			_, sink := startSampler(t, copied, "100ms")
			require.Eventually(t, func() bool { return sink.SpanCount() >= traces }, 20*time.Second, 10*time.Millisecond, "%d", sink.SpanCount())
			assert.Equal(t, traces, sink.SpanCount())
		})
	}
}
