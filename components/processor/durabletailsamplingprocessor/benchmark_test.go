// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
)

// A request has 256 spans of 32 traces, 8 spans each, with ten attributes.
const (
	benchTraces = 32
	benchSpans  = 8
)

// BenchmarkProcessor measures the cost of a span from its arrival to its
// delivery, compared with tail_sampling, which keeps spans in memory only.
func BenchmarkProcessor(b *testing.B) {
	for _, kept := range []string{"all", "none"} {
		for _, by := range []string{"tail_sampling", "durable_tail_sampling"} {
			b.Run("kept="+kept+"/by="+by, func(b *testing.B) { benchmark(b, by == "durable_tail_sampling", kept == "all") })
		}
	}
}

func benchmark(b *testing.B, durable, all bool) {
	cfg := createDefaultConfig().(*Config)
	cfg.StorageID = &storageID
	cfg.Sampling.NumTraces = uint64(b.N) + benchTraces //nolint:gosec // a count
	cfg.Sampling.PolicyCfgs = make([]tailsamplingprocessor.PolicyCfg, 1)
	cfg.Sampling.PolicyCfgs[0].Name = "policy"
	cfg.Sampling.PolicyCfgs[0].Type = tailsamplingprocessor.StatusCode
	cfg.Sampling.PolicyCfgs[0].StatusCodeCfg.StatusCodes = []string{"ERROR"}
	if all {
		cfg.Sampling.PolicyCfgs[0].Type = tailsamplingprocessor.AlwaysSample
	}
	var p processor.Traces
	var err error
	set := processortest.NewNopSettings(component.MustNewType("tail_sampling"))
	if durable {
		set.ID = component.NewID(NewFactory().Type())
		p, err = NewFactory().CreateTraces(b.Context(), set, cfg, consumertest.NewNop())
	} else {
		p, err = tailsamplingprocessor.NewFactory().CreateTraces(b.Context(), set, &cfg.Sampling, consumertest.NewNop())
	}
	require.NoError(b, err)

	factory := filestorage.NewFactory()
	files := factory.CreateDefaultConfig().(*filestorage.Config)
	files.Directory = b.TempDir()
	store, err := factory.Create(b.Context(), extensiontest.NewNopSettings(factory.Type()), files)
	require.NoError(b, err)
	require.NoError(b, store.Start(b.Context(), componenttest.NewNopHost()))
	require.NoError(b, p.Start(b.Context(), &host{
		Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storageID: store},
	}))
	td := benchRequest()
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchTraces * benchSpans {
		renumber(td, uint64(n))
		require.NoError(b, p.ConsumeTraces(context.Background(), td))
	}
	require.NoError(b, p.Shutdown(context.Background()))
	b.StopTimer()
	require.NoError(b, store.Shutdown(context.Background()))
}

func benchRequest() ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for range benchTraces * benchSpans {
		span := spans.AppendEmpty()
		span.SetName("SELECT shop.orders")
		span.SetKind(ptrace.SpanKindClient)
		for n := range 10 {
			span.Attributes().PutStr(fmt.Sprintf("attribute.%d", n), "a value of some length")
		}
	}
	return td
}

// renumber gives the spans new trace IDs that no earlier spans had.
// tail_sampling has copied what it needs from them.
func renumber(td ptrace.Traces, first uint64) {
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for n, span := range spans.All() {
		id := traceID(first + uint64(n/benchSpans)) //nolint:gosec // a count
		binary.BigEndian.PutUint64(id[:8], first)
		span.SetTraceID(id)
	}
}
