// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ociapm/otelcol-ociapm/internal/apmcost"
)

const (
	dnsPrefix = "dns:"

	// maxSpans is a number of spans an hour that no one pays for: a million units.
	maxSpans = 1_000_000 * apmcost.SpansPerUnit
)

// Amount is a number that is written without separators.
type Amount float64

// UnmarshalText rejects what YAML does not read as a number.
func (*Amount) UnmarshalText(text []byte) error {
	return fmt.Errorf("%q is not a number; write digits only, such as 100000", text)
}

// Config sets how many spans an hour are kept, and which.
type Config struct {
	// SpansPerHour is the number of spans that may be uploaded in a clock hour. Exactly
	// one of SpansPerHour, Units and AlwaysFree must be set.
	SpansPerHour Amount `mapstructure:"spans_per_hour"`

	// Units is the same as units of OCI's price list: 100,000 spans an hour each. It may
	// have decimals.
	Units Amount `mapstructure:"units"`

	// AlwaysFree is what a domain without cost takes: 1,000 spans an hour.
	AlwaysFree bool `mapstructure:"always_free"`

	// Instances is the number of collectors that share the budget, or dns: and a name
	// that has an address for each of them. Not set, it is 1.
	Instances any `mapstructure:"instances"`

	// Reserve is the share that is never planned: for late spans and repeated uploads.
	Reserve float64 `mapstructure:"reserve"`

	// Errors says what becomes of traces with errors that alone exceed the budget.
	Errors Errors `mapstructure:"errors"`

	// Slowest says which traces are slow.
	Slowest SlowestConfig `mapstructure:"slowest"`

	// Floor is the share that ordinary traces get in any case.
	Floor float64 `mapstructure:"floor"`

	// Fairness says what ordinary traces have in common that are kept with the same
	// probability.
	Fairness Fairness `mapstructure:"fairness"`

	// MaxOperations limits the operations that are told apart.
	MaxOperations int `mapstructure:"max_operations"`

	// StorageID names a storage extension for what was spent. Without one, a restart
	// estimates it.
	StorageID *component.ID `mapstructure:"storage"`
}

// SlowestConfig says which traces are slow.
type SlowestConfig struct {
	// Quantile of the durations of an operation in the last hour, from which on a trace is
	// slow.
	Quantile float64 `mapstructure:"quantile"`

	// Share of the budget that slow traces may spend. 0: none is kept for being slow.
	Share float64 `mapstructure:"share"`

	// MinDuration is the duration below which no trace is slow.
	MinDuration time.Duration `mapstructure:"min_duration"`
}

// Errors says what becomes of traces with errors that alone exceed the budget.
type Errors string

const (
	// ErrorsKeep keeps a share of them.
	ErrorsKeep Errors = "keep"
	// ErrorsOverspend keeps them all.
	ErrorsOverspend Errors = "overspend"
)

// Fairness says which ordinary traces are kept with the same probability.
type Fairness string

const (
	// FairnessOperation gives all operations the same number of spans.
	FairnessOperation Fairness = "operation"
	// FairnessNone keeps all with the same probability.
	FairnessNone Fairness = "none"
)

var _ component.Config = (*Config)(nil)

// Validate reports a budget that is missing, and values that are out of range.
func (cfg *Config) Validate() error {
	errs := []error{cfg.validateAmount(), cfg.validateInstances()}
	share := func(name string, value, below float64, example string) {
		if !(value >= 0 && value < below) { // also true of NaN
			errs = append(errs, fmt.Errorf("%s: %v is not a share from 0 to less than %v; write %s", name, value, below, example))
		}
	}
	share("reserve", cfg.Reserve, 0.5, "0.03")
	share("slowest::share", cfg.Slowest.Share, 1, "0.2")
	if !(cfg.Floor > 0 && cfg.Floor < 0.5) {
		errs = append(errs, fmt.Errorf("floor: %v is not a share of more than 0 and less than 0.5; write 0.05: without a floor, estimates are too low when errors take the whole budget", cfg.Floor))
	}
	if !(cfg.Slowest.Quantile >= 0.5 && cfg.Slowest.Quantile < 1) {
		errs = append(errs, fmt.Errorf("slowest::quantile: %v is not from 0.5 to less than 1; write 0.99 for the slowest hundredth", cfg.Slowest.Quantile))
	}
	if cfg.Slowest.MinDuration < 0 {
		errs = append(errs, fmt.Errorf("slowest::min_duration: %v is negative; write 0s, or the duration below which no trace is slow", cfg.Slowest.MinDuration))
	}
	if cfg.Errors != ErrorsKeep && cfg.Errors != ErrorsOverspend {
		errs = append(errs, fmt.Errorf("errors: %q is unknown; write keep, or overspend to keep all of them beyond the budget", cfg.Errors))
	}
	if cfg.Fairness != FairnessOperation && cfg.Fairness != FairnessNone {
		errs = append(errs, fmt.Errorf("fairness: %q is unknown; write operation, or none on agents whose traces span machines", cfg.Fairness))
	}
	if cfg.MaxOperations < 1 || cfg.MaxOperations > 10_000 {
		errs = append(errs, fmt.Errorf("max_operations: %d is not from 1 to 10000; write 500", cfg.MaxOperations))
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateAmount() error {
	set := 0
	for _, isSet := range []bool{cfg.SpansPerHour != 0, cfg.Units != 0, cfg.AlwaysFree} {
		if isSet {
			set++
		}
	}
	switch {
	case set == 0:
		return errors.New("spans_per_hour: is not set; write how many spans an hour may be uploaded, such as 100000, or units: 1, or always_free: true")
	case set > 1:
		return errors.New("spans_per_hour, units and always_free: more than one is set; leave only one of them")
	case !(cfg.SpansPerHour >= 0 && cfg.SpansPerHour <= maxSpans) || cfg.SpansPerHour != Amount(math.Trunc(float64(cfg.SpansPerHour))):
		return fmt.Errorf("spans_per_hour: %v is not a number of spans; write how many spans an hour may be uploaded, such as 100000", cfg.SpansPerHour)
	case !(cfg.Units >= 0 && cfg.Units*apmcost.SpansPerUnit <= maxSpans):
		return fmt.Errorf("units: %v is not a number of units; write 1 for 100,000 spans an hour", cfg.Units)
	case cfg.plan().instances > 0 && cfg.plan().share() < 1:
		return fmt.Errorf("instances: %v instances share %v spans an hour, so that none has room for a trace; write fewer instances, or a larger budget", cfg.Instances, cfg.plan().hourly)
	default:
		return nil
	}
}

func (cfg *Config) validateInstances() error {
	switch instances := cfg.Instances.(type) {
	case nil:
		return nil
	case int:
		if instances < 1 {
			return fmt.Errorf("instances: %d is less than 1; write how many collectors share the budget, or dns:NAME", instances)
		}
		return nil
	case string:
		if name, ok := strings.CutPrefix(instances, dnsPrefix); ok && name != "" {
			return nil
		}
	default:
		return errors.New("instances: is neither a number nor a name; write how many collectors share the budget, or dns:NAME without a space")
	}
	return fmt.Errorf("instances: %v is neither a number nor a name; write how many collectors share the budget, or dns:NAME with a name that has an address for each, such as a headless service", cfg.Instances)
}

// instancesName returns the name whose addresses are the instances, if there is one.
func (cfg *Config) instancesName() string {
	text, _ := cfg.Instances.(string)
	return strings.TrimPrefix(text, dnsPrefix)
}

// plan returns how this instance may spend. Until a name is resolved, it is the only one.
func (cfg *Config) plan() plan {
	p := plan{
		hourly: float64(cfg.SpansPerHour + cfg.Units*apmcost.SpansPerUnit), instances: 1,
		reserve: cfg.Reserve, floor: cfg.Floor, slowShare: cfg.Slowest.Share, overspend: cfg.Errors == ErrorsOverspend,
	}
	if cfg.AlwaysFree {
		p.hourly = apmcost.SpansAlwaysFree
	}
	if n, ok := cfg.Instances.(int); ok {
		p.instances = n
	}
	return p
}
