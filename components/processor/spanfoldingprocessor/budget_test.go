// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// fakeBudget counts what it is told is folded.
type fakeBudget struct {
	spanbudget.Ledger
	component.Component
	folded map[pcommon.TraceID]int
}

func (b *fakeBudget) Folded(id pcommon.TraceID, spans int) { b.folded[id] += spans }

// extensions is a host with extensions.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

func TestBudgetIsToldOfFoldedSpans(t *testing.T) {
	id := component.MustNewID(spanbudget.TypeName)
	cfg := createDefaultConfig().(*Config)
	cfg.Budget = &id
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	budget := &fakeBudget{folded: map[pcommon.TraceID]int{}}
	require.NoError(t, p.Start(t.Context(), extensions{id: budget}))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })

	td := request(20, nil)
	before := td.SpanCount()
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	removed := before - sink.AllTraces()[0].SpanCount()
	assert.Positive(t, removed)
	assert.Equal(t, map[pcommon.TraceID]int{{15: 1}: removed}, budget.folded)
}

func TestStartWithoutBudget(t *testing.T) {
	id := component.MustNewID(spanbudget.TypeName)
	cfg := createDefaultConfig().(*Config)
	cfg.Budget = &id
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.EqualError(t, p.Start(t.Context(), componenttest.NewNopHost()), "budget: there is no extension span_budget; list it in service::extensions")
}
