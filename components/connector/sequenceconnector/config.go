// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector // import "github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector"

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
)

// Config names the pipelines, in the order in which they receive a batch.
type Config struct {
	// First has the pipelines that receive a batch first. If one of them returns an
	// error, the sender gets it, and the pipelines of Then never see the batch.
	First []pipeline.ID `mapstructure:"first"`

	// Then has the pipelines that receive a copy of the batch after those of First have
	// accepted it. Their errors are logged and counted; the sender does not get them.
	Then []pipeline.ID `mapstructure:"then"`

	// ThenKinds has the kinds of the spans that are copied: internal, server, client,
	// producer, consumer.
	ThenKinds []string `mapstructure:"then_kinds"`
}

var _ component.Config = (*Config)(nil)

// spanKinds has the name of each kind in the configuration.
var spanKinds = map[string]ptrace.SpanKind{
	"internal": ptrace.SpanKindInternal,
	"server":   ptrace.SpanKindServer,
	"client":   ptrace.SpanKindClient,
	"producer": ptrace.SpanKindProducer,
	"consumer": ptrace.SpanKindConsumer,
}

// Validate reports lists that are empty or overlap, and unknown kinds.
func (cfg *Config) Validate() error {
	errs := []error{validateList("first", cfg.First), validateList("then", cfg.Then)}
	for _, id := range cfg.Then {
		if slices.Contains(cfg.First, id) {
			errs = append(errs, fmt.Errorf("then: %s is in first too; write it in one of the two lists", id))
		}
	}
	if len(cfg.ThenKinds) == 0 {
		errs = append(errs, errors.New("then_kinds: the list is empty; write [server, consumer, client], or leave the setting out"))
	}
	for _, kind := range cfg.ThenKinds {
		if _, ok := spanKinds[kind]; !ok {
			errs = append(errs, fmt.Errorf("then_kinds: %q is not a kind of span; write internal, server, client, producer or consumer", kind))
		}
	}
	return errors.Join(errs...)
}

func validateList(name string, ids []pipeline.ID) error {
	if len(ids) == 0 {
		return fmt.Errorf("%s: no pipeline; write the pipelines that have this connector as their receiver, such as [traces/keep]", name)
	}
	for i, id := range ids {
		if id.Signal() != pipeline.SignalTraces {
			return fmt.Errorf("%s: %s is not a pipeline for traces", name, id)
		}
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("%s: %s is in the list twice", name, id)
		}
	}
	return nil
}

// unlisted returns an error for a pipeline that has the connector as its receiver, but is
// in neither list: it would receive nothing.
func (cfg *Config) unlisted(receiving []pipeline.ID) error {
	var names []string
	for _, id := range receiving {
		if !slices.Contains(cfg.First, id) && !slices.Contains(cfg.Then, id) {
			names = append(names, id.String())
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("first, then: %s would receive nothing; write it in one of the two lists", strings.Join(names, ", "))
}
