// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadatatest"
)

const (
	// wait is longer than the longest decision_wait of the tests, including the
	// delay of the ticker.
	wait = 30 * time.Second
	poll = 20 * time.Millisecond
)

// sink is a next component that accepts spans, unless answer returns an error.
type sink struct {
	mu     sync.Mutex
	answer func(td ptrace.Traces) error
	spans  map[string]int // by name; names are unique
	calls  int
}

func newSink() *sink { return &sink{spans: map[string]int{}} }

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// ConsumeTraces moves the spans out of td, as a component that owns them may
// do.
func (s *sink) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.answer != nil {
		if err := s.answer(td); err != nil {
			td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
			return err
		}
	}
	for _, name := range spanNames(td) {
		s.spans[name]++
	}
	td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	return nil
}

// answers sets the sink's answer from now on.
func (s *sink) answers(answer func(td ptrace.Traces) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *sink) refuse(err error) { s.answers(func(ptrace.Traces) error { return err }) }

func (s *sink) offers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func spanNames(td ptrace.Traces) []string {
	var list []string
	for _, resource := range td.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				list = append(list, span.Name())
			}
		}
	}
	return list
}

func (s *sink) got() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.spans)
}

func names(spans map[string]int) []string { return slices.Sorted(maps.Keys(spans)) }

// start starts a processor, and shuts it down at the end of the test.
func start(t *testing.T, cfg *Config, h component.Host, next consumer.Traces) *durable {
	t.Helper()
	set := metadatatest.NewSettings(componenttest.NewTelemetry())
	return startWith(t, set, cfg, h, next)
}

func startWith(t *testing.T, set processor.Settings, cfg *Config, h component.Host, next consumer.Traces) *durable {
	t.Helper()
	set.ID = component.NewID(metadata.Type) // the storage finds its data by the ID
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	t.Cleanup(func() {
		// Errors of a crashed storage do not matter here.
		_ = p.Shutdown(context.Background())
	})
	require.NoError(t, p.Start(t.Context(), h))
	return p.(*durable)
}

func traceID(n uint64) pcommon.TraceID {
	var id pcommon.TraceID
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// spanOf is a span of trace n. A span whose name begins with "error" has
// failed.
type spanOf struct {
	trace uint64
	name  string
}

func traces(spans ...spanOf) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	to := resource.ScopeSpans().AppendEmpty().Spans()
	for _, s := range spans {
		span := to.AppendEmpty()
		span.SetTraceID(traceID(s.trace))
		span.SetName(s.name)
		if len(s.name) >= 5 && s.name[:5] == "error" {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return td
}
