// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/component"
)

// Config holds the settings of the durable_tail_sampling processor: those of
// tail_sampling, and the storage for spans that wait.
type Config struct {
	// Sampling is the configuration of upstream's tail_sampling processor, with
	// the same defaults except for block_on_overflow and decision_cache.
	Sampling tailsamplingprocessor.Config `mapstructure:",squash"`

	// StorageID names a storage extension, such as queue_storage, which holds
	// the spans until the decision on their trace is carried out.
	StorageID *component.ID `mapstructure:"storage"`

	// AdjustedCountAttribute is the span attribute for the number of spans that a
	// span stands for, if a span_budget decides and that is more than one. If it is
	// empty, only tracestate has it.
	AdjustedCountAttribute string `mapstructure:"adjusted_count_attribute"`

	// ReasonAttribute is the span attribute for the class for which a span_budget kept
	// the trace: error, slow or ordinary. If it is empty, no span has it.
	ReasonAttribute string `mapstructure:"reason_attribute"`
}

// Validate rejects settings that would lose spans, or keep them in the storage
// forever.
func (c *Config) Validate() error {
	var errs []error
	if c.StorageID == nil {
		errs = append(errs, errors.New("storage: is missing; name the extension that stores the spans, as in storage: queue_storage, or use tail_sampling, which keeps them in memory"))
	}
	if len(c.Sampling.PolicyCfgs) == 0 {
		errs = append(errs, errors.New("policies: is empty, so that no trace would be kept; write the policies that keep traces, as in policies: [{name: all, type: always_sample}]"))
	}
	if c.Sampling.DecisionWait <= 0 {
		errs = append(errs, fmt.Errorf("decision_wait: %v is not positive; write how long to wait for the spans of a trace, for example 10s", c.Sampling.DecisionWait))
	}
	if c.AdjustedCountAttribute != "" && c.AdjustedCountAttribute == c.ReasonAttribute {
		errs = append(errs, fmt.Errorf("adjusted_count_attribute: is the same as reason_attribute, %s; write another name, or \"\" to leave one out", c.ReasonAttribute))
	}
	if c.Sampling.NumTraces == 0 {
		errs = append(errs, errors.New("num_traces: is 0; write how many traces may wait for a decision at a time, for example 50000"))
	}
	if !c.Sampling.BlockOnOverflow {
		errs = append(errs, errors.New("block_on_overflow: is false, which would drop traces beyond num_traces undecided; leave it out"))
	}
	if c.Sampling.DecisionCache.SampledCacheSize < 1 {
		errs = append(errs, errors.New("decision_cache: sampled_cache_size is less than 1; write a multiple of num_traces, or leave it out"))
	}
	if c.Sampling.DecisionCache.NonSampledCacheSize < 1 {
		errs = append(errs, errors.New("decision_cache: non_sampled_cache_size is less than 1; write a multiple of num_traces, or leave it out"))
	}
	if c.Sampling.TailStorageID != nil {
		errs = append(errs, errors.New("tail_storage: cannot be used here; write storage instead"))
	}
	return errors.Join(append(errs, c.validateBudget())...)
}
