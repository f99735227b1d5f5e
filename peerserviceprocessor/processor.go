// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadata"
)

// source says where the name of a peer comes from.
type source uint8

const (
	sourceNone source = iota
	sourceRule
	sourceDefault
	sourceApplication
	sourceCount
)

// sources has the values of the metric's attribute.
var sources = [sourceCount]string{
	sourceNone:        "none",
	sourceRule:        "rule",
	sourceDefault:     "default",
	sourceApplication: "application",
}

// namer sets peer.service on spans.
type namer struct {
	program   *program
	readers   dbspan.Readers
	telemetry *metadata.TelemetryBuilder
	options   [sourceCount][]metric.AddOption
}

func newNamer(cfg *Config, telemetry *metadata.TelemetryBuilder) (*namer, error) {
	p, err := compile(cfg)
	if err != nil {
		return nil, err
	}
	n := &namer{program: p, telemetry: telemetry}
	for i, name := range sources {
		n.options[i] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("source", name)))}
	}
	return n, nil
}

func (n *namer) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	var counts [sourceCount]int64
	reader := n.readers.Get()
	defer n.readers.Put(reader)
	var names [dbspan.Samples]settled
	view := spanView{joinServices: n.program.join}
	for _, resource := range td.ResourceSpans().All() {
		view.resource = resource.Resource().Attributes()
		clear(names[:])
		for _, scoped := range resource.ScopeSpans().All() {
			scope := dbspan.LookupScope(scoped.Scope().Name())
			for _, span := range scoped.Spans().All() {
				if span.Kind() != ptrace.SpanKindClient {
					continue
				}
				view.attrs = span.Attributes()
				kind, same := reader.Read(view.attrs, &scope)
				last := &names[reader.Sample()]
				switch {
				case !n.program.kinds[kind]:
				case same && last.known:
					if last.name != "" {
						view.attrs.PutStr(attrPeerService, last.name)
					}
					counts[last.source]++
				default:
					view.kind, view.db, view.unsettled = kind, reader.Span, false
					from, name := n.program.name(&view)
					counts[from]++
					if kind == dbspan.KindDatabase {
						*last = settled{known: !view.unsettled, source: from, name: name}
					}
				}
			}
		}
	}
	for i, count := range counts {
		if count > 0 {
			n.telemetry.ProcessorPeerServiceSpans.Add(ctx, count, n.options[i]...)
		}
	}
	return td, nil
}

func (n *namer) shutdown(context.Context) error {
	n.telemetry.Shutdown()
	return nil
}

// settled is the name of the last database span that was read with a sample, if the next
// one with the same database has the same name.
type settled struct {
	known  bool
	source source
	name   string // empty if the span was not named
}

// name sets a span's peer.service and returns it with the source of the name.
func (p *program) name(span *spanView) (source, string) {
	if !p.override && span.hasPeer() {
		return sourceApplication, ""
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !r.matches(span) {
			continue
		}
		if r.name == nil {
			return sourceNone, ""
		}
		// If the span lacks an attribute in the name, the next rule is tried.
		if name, ok := r.name.render(span); ok {
			span.setPeer(name)
			return sourceRule, name
		}
	}
	for _, t := range p.fallback[span.kind] {
		if name, ok := t.render(span); ok {
			span.setPeer(name)
			return sourceDefault, name
		}
	}
	return sourceNone, ""
}

func (s *spanView) setPeer(name string) {
	s.attrs.PutStr(attrPeerService, name)
	s.lastPeer = name
}

// hasPeer reports whether the span has a peer.service that is not empty.
func (s *spanView) hasPeer() bool {
	value, ok := s.attrs.Get(attrPeerService)
	s.unsettled = s.unsettled || ok
	return ok && (value.Type() != pcommon.ValueTypeStr && value.Type() != pcommon.ValueTypeEmpty || value.Str() != "")
}
