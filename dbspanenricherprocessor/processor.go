// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// enricher adds missing attributes to database spans.
type enricher struct {
	cfg          *Config
	telemetry    *metadata.TelemetryBuilder
	analyzer     *analyzer
	cache        *cache
	readers      dbspan.Readers
	addStatement bool // DbStatement
	addSQLID     bool // DbOracleSqlId
}

func newEnricher(cfg *Config, telemetry *metadata.TelemetryBuilder) (*enricher, error) {
	statements, err := newCache(cfg.Cache)
	if err != nil {
		return nil, err
	}
	addSQLID := slices.Contains(cfg.APMAttributes, apmOracleSQLID)
	return &enricher{
		cfg:          cfg,
		telemetry:    telemetry,
		analyzer:     newAnalyzer(cfg, addSQLID),
		cache:        statements,
		addStatement: slices.Contains(cfg.APMAttributes, apmStatement),
		addSQLID:     addSQLID,
	}, nil
}

func (e *enricher) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	b := batch{reader: e.readers.Get()}
	defer e.readers.Put(b.reader)
	for _, resource := range td.ResourceSpans().All() {
		from := origin{resource: resource.Resource().Attributes()}
		for _, scoped := range resource.ScopeSpans().All() {
			scope := dbspan.LookupScope(scoped.Scope().Name())
			for _, span := range scoped.Spans().All() {
				if span.Kind() != ptrace.SpanKindClient {
					continue
				}
				if kind, _ := b.reader.Read(span.Attributes(), &scope); kind == dbspan.KindDatabase {
					e.enrich(span, &from, &b)
				}
			}
		}
	}
	e.count(ctx, &b.counts)
	return td, nil
}

func (e *enricher) count(ctx context.Context, n *counts) {
	if n.spans == 0 {
		return
	}
	e.telemetry.ProcessorDbSpanEnricherSpans.Add(ctx, n.spans)
	e.telemetry.ProcessorDbSpanEnricherCacheHits.Add(ctx, n.hits)
	e.telemetry.ProcessorDbSpanEnricherCacheMisses.Add(ctx, n.misses)
	e.telemetry.ProcessorDbSpanEnricherUnparsedStatements.Add(ctx, n.unparsed)
}

func (e *enricher) shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}
