// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector // import "github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector/internal/metadata"
)

// sequence passes each batch to one consumer, and a copy to another if the first has
// accepted it.
type sequence struct {
	component.StartFunc
	logger      *zap.Logger
	telemetry   *metadata.TelemetryBuilder
	first, then consumer.Traces
	kinds       kindSet
}

func newSequence(cfg *Config, logger *zap.Logger, telemetry *metadata.TelemetryBuilder, first, then consumer.Traces) *sequence {
	s := &sequence{logger: logger, telemetry: telemetry, first: first, then: then}
	for _, name := range cfg.ThenKinds {
		s.kinds.add(spanKinds[name])
	}
	return s
}

// Capabilities reports that the connector itself changes nothing. The service adds what
// the pipelines behind it do.
func (*sequence) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

// ConsumeTraces returns the error of the first consumer, unchanged. An error of the
// other one is only logged and counted, since the sender would repeat a batch that was
// accepted.
func (s *sequence) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	// Copied before, because the first consumer may change or keep the batch.
	copied := s.copyOf(td)
	if err := s.first.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	count := copied.SpanCount()
	if count == 0 {
		return nil
	}
	// The batch was accepted, even if the sender has stopped waiting.
	ctx = context.WithoutCancel(ctx)
	if err := s.then.ConsumeTraces(ctx, copied); err != nil {
		s.telemetry.ConnectorSequenceMissedSpans.Add(ctx, int64(count))
		s.logger.Error("Spans were accepted, but the pipelines of then failed: what they count lacks these spans",
			zap.Int("spans", count), zap.Error(err))
	}
	return nil
}

// Shutdown releases the metrics.
func (s *sequence) Shutdown(context.Context) error {
	s.telemetry.Shutdown()
	return nil
}
