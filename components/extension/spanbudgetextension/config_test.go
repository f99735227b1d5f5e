// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
)

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct {
		yaml   string
		wanted string
	}{
		"spans":        {yaml: "{spans_per_hour: 5000}"},
		"units":        {yaml: "{units: 2, instances: 3}"},
		"always free":  {yaml: "{always_free: true, instances: dns:sampler-headless}"},
		"all":          {yaml: "{spans_per_hour: 5000, reserve: 0, errors: overspend, slowest: {quantile: 0.9, share: 0, min_duration: 1s}, floor: 0.1, fairness: none, max_operations: 1, storage: queue_storage}"},
		"nothing":      {yaml: "{}", wanted: "spans_per_hour: is not set; write how many spans an hour may be uploaded, such as 100000, or units: 1, or always_free: true"},
		"empty":        {yaml: "{spans_per_hour: }", wanted: "spans_per_hour: is not set; write how many spans an hour may be uploaded, such as 100000, or units: 1, or always_free: true"},
		"two":          {yaml: "{spans_per_hour: 5000, units: 1}", wanted: "spans_per_hour, units and always_free: more than one is set; leave only one of them"},
		"negative":     {yaml: "{spans_per_hour: -1}", wanted: "spans_per_hour: -1 is not a number of spans; write how many spans an hour may be uploaded, such as 100000"},
		"decimals":     {yaml: "{spans_per_hour: 1.5}", wanted: "spans_per_hour: 1.5 is not a number of spans; write how many spans an hour may be uploaded, such as 100000"},
		"huge":         {yaml: "{spans_per_hour: 100000000000000000000}", wanted: "spans_per_hour: 1e+20 is not a number of spans; write how many spans an hour may be uploaded, such as 100000"},
		"infinite":     {yaml: "{units: .inf}", wanted: "units: +Inf is not a number of units; write 1 for 100,000 spans an hour"},
		"half a unit":  {yaml: "{units: 0.5}"},
		"dns: alone":   {yaml: "{units: 1, instances: {dns: sampler}}", wanted: "instances: is neither a number nor a name; write how many collectors share the budget, or dns:NAME without a space"},
		"too many":     {yaml: "{always_free: true, instances: 1001}", wanted: "instances: 1001 instances share 1000 spans an hour, so that none has room for a trace; write fewer instances, or a larger budget"},
		"bad units":    {yaml: "{units: -2}", wanted: "units: -2 is not a number of units; write 1 for 100,000 spans an hour"},
		"no instances": {yaml: "{units: 1, instances: 0}", wanted: "instances: 0 is less than 1; write how many collectors share the budget, or dns:NAME"},
		"bad instances": {
			yaml:   "{units: 1, instances: sampler-headless}",
			wanted: "instances: sampler-headless is neither a number nor a name; write how many collectors share the budget, or dns:NAME with a name that has an address for each, such as a headless service",
		},
		"reserve":     {yaml: "{units: 1, reserve: 0.5}", wanted: "reserve: 0.5 is not a share from 0 to less than 0.5; write 0.03"},
		"not a share": {yaml: "{units: 1, reserve: .nan}", wanted: "reserve: NaN is not a share from 0 to less than 0.5; write 0.03"},
		"slow share":  {yaml: "{units: 1, slowest: {share: 20}}", wanted: "slowest::share: 20 is not a share from 0 to less than 1; write 0.2"},
		"floor": {
			yaml:   "{units: 1, floor: 0}",
			wanted: "floor: 0 is not a share of more than 0 and less than 0.5; write 0.05: without a floor, estimates are too low when errors take the whole budget",
		},
		"quantile":     {yaml: "{units: 1, slowest: {quantile: 99}}", wanted: "slowest::quantile: 99 is not from 0.5 to less than 1; write 0.99 for the slowest hundredth"},
		"min_duration": {yaml: "{units: 1, slowest: {min_duration: -1s}}", wanted: "slowest::min_duration: -1s is negative; write 0s, or the duration below which no trace is slow"},
		"errors":       {yaml: "{units: 1, errors: all}", wanted: "errors: \"all\" is unknown; write keep, or overspend to keep all of them beyond the budget"},
		"fairness":     {yaml: "{units: 1, fairness: yes please}", wanted: "fairness: \"yes please\" is unknown; write operation, or none on agents whose traces span machines"},
		"operations":   {yaml: "{units: 1, max_operations: 0}", wanted: "max_operations: 0 is not from 1 to 10000; write 500"},
	} {
		t.Run(name, func(t *testing.T) {
			err := readConfig(t, test.yaml).Validate()
			if test.wanted == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, test.wanted)
		})
	}
}

// Values can come from the environment.
func TestConfigFromEnvironment(t *testing.T) {
	t.Setenv("INSTANCES", "4")
	t.Setenv("SPANS", "12000")
	cfg := readConfig(t, "{spans_per_hour: '${env:SPANS}', instances: '${env:INSTANCES}'}")
	require.NoError(t, cfg.Validate())
	assert.InDelta(t, 3000, cfg.plan().share(), 0)
	assert.Empty(t, cfg.instancesName())

	t.Setenv("INSTANCES", "dns:sampler-headless")
	cfg = readConfig(t, "{spans_per_hour: '${env:SPANS}', instances: '${env:INSTANCES}'}")
	require.NoError(t, cfg.Validate())
	assert.Equal(t, "sampler-headless", cfg.instancesName())
	assert.InDelta(t, 12_000, cfg.plan().share(), 0)

	t.Setenv("SPANS", "")
	assert.ErrorContains(t, readConfig(t, "{spans_per_hour: '${env:SPANS}'}").Validate(), "spans_per_hour: is not set")
}

// What is no number names the field and the text.
func TestConfigText(t *testing.T) {
	for _, text := range []string{"a lot", `"100,000"`, "100 000"} {
		_, err := unmarshalConfig(t, "{spans_per_hour: "+text+"}")
		assert.ErrorContains(t, err, "'spans_per_hour' "+strconv.Quote(strings.Trim(text, `"`))+" is not a number; write digits only, such as 100000")
	}
}

func readConfig(t *testing.T, yaml string) *Config {
	t.Helper()
	cfg, err := unmarshalConfig(t, yaml)
	require.NoError(t, err)
	return cfg
}

func unmarshalConfig(t *testing.T, yaml string) (*Config, error) {
	t.Helper()
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{"yaml:" + yaml},
		ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory(), envprovider.NewFactory()},
		DefaultScheme:     "env",
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(t.Context())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	return cfg, conf.Unmarshal(cfg)
}

func TestPlan(t *testing.T) {
	storage := component.MustNewID("queue_storage")
	cfg := createDefaultConfig().(*Config)
	cfg.Units, cfg.StorageID = 2, &storage
	assert.Equal(t, plan{hourly: 200_000, instances: 1, reserve: 0.03, floor: 0.05, slowShare: 0.2}, cfg.plan())
	cfg.Units, cfg.AlwaysFree, cfg.Errors = 0, true, ErrorsOverspend
	assert.Equal(t, plan{hourly: 1000, instances: 1, reserve: 0.03, floor: 0.05, slowShare: 0.2, overspend: true}, cfg.plan())
}

// An interval has about 50 spans of the budget, and divides an hour.
func TestInterval(t *testing.T) {
	for hourly, wanted := range map[float64]time.Duration{1e6: 10 * time.Second, 1e5: 10 * time.Second, 10_000: 18 * time.Second, 7000: time.Hour / 140, 1000: 2 * time.Minute, 1: 2 * time.Minute} {
		c := newTestController(testPlan(hourly), false)
		assert.Equal(t, wanted, c.interval, "%v spans an hour", hourly)
		assert.InDelta(t, 0, math.Mod(time.Hour.Seconds(), c.interval.Seconds()), 1e-3)
	}
}
